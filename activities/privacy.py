"""What the outside world says of a customer stays out of errors: they reach histories, logs and operators' screens.

Mail servers repeat the address they refuse, carriers the street they do not know, payment providers the token.
"""

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager

_ADDRESS = re.compile(r"[^\s<>(),;:\"']+@[^\s<>(),;:\"']+")
_LEFT_OUT = "(left out)"


def without(text: str, personal: Iterable[str]) -> str:
    """The text without these words, in whatever case they are quoted, and without anything like a mail address."""
    words = sorted({word.strip() for word in personal if len(word.strip()) > 1}, key=len, reverse=True)
    for word in words:
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", _LEFT_OUT, text, flags=re.IGNORECASE)
    return _ADDRESS.sub(_LEFT_OUT, text)


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
