"""How a command ends when it cannot do what it was asked."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class CommandFailed(Exception):
    """Wrong usage, an unusable file, or nobody at the address. The message says what to do next; exit code 2."""


class Refused(Exception):
    """The command reached those it asked, and the answer is no. The message says why; exit code 1."""


@contextmanager
def file_in_words(file: Path | str, done: str) -> Generator[None]:
    """What the system says of a file that cannot be `done` (read, written), in the words of all commands.

    Raises:
        CommandFailed: it cannot be.
    """
    try:
        yield
    except UnicodeDecodeError as unreadable:
        raise CommandFailed(f"{file} cannot be {done} as UTF-8 text: {unreadable}") from unreadable
    except OSError as unusable:
        said = unusable.strerror and f"{file} cannot be {done}: {unusable.strerror}"
        raise CommandFailed(said or str(unusable)) from unusable  # without a number it is one of ours, in words
