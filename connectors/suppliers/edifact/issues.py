"""What is wrong with a document that can be read all the same, in words for the people who will ask the partner."""

from connectors.words import plain_words

MOST = 50
"""Lines that are kept of one document; a broken sender makes the same mistake a thousand times."""


class Issues:
    """The damage of one document, each kind of words once, in the order it was met."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self._lines: dict[str, None] = {}
        self._left_out = 0

    def note(self, words: str) -> None:
        """Add one line. It may quote the document."""
        line = plain_words(words)
        if line in self._lines:
            return
        if len(self._lines) < MOST:
            self._lines[line] = None
        else:
            self._left_out += 1

    def lines(self) -> tuple[str, ...]:
        """All lines, and how many more there would be."""
        more = (f"and {self._left_out} more",) if self._left_out else ()
        return (*self._lines, *more)
