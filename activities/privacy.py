"""What the outside world says of a customer stays out of errors: they reach histories, logs and operators' screens.

Mail servers repeat the address they refuse, carriers the street they do not know, payment providers the token.
"""

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from domain.personal_words import LEFT_OUT, without_words

_ADDRESS = re.compile(r"[^\s<>(),;:\"']+@[^\s<>(),;:\"']+")


def without(text: str, personal: Iterable[str]) -> str:
    """The text without these words, in whatever case they are quoted, and without anything like a mail address."""
    return _ADDRESS.sub(LEFT_OUT, without_words(text, personal))


@contextmanager
def kept_private(*personal: str) -> Generator[None]:
    """An exchange in which these words are sent: a connector's error raised in it says them no more.

    Raises:
        connectors.errors.ConnectorError: as it was raised, with other words and without its cause.
    """
    from connectors.errors import ConnectorError

    try:
        yield
    except ConnectorError as said:
        said.args = (without(str(said), personal),)
        raise said from None
