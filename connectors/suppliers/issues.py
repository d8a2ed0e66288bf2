"""What is wrong with a document that can be read all the same, in words for the people who will ask the partner."""

from connectors.words import plain_words

MOST_ISSUES = 99
"""Issues that are told of one document, as a broken sender makes the same mistake a thousand times; how many more there
were is told in one line."""


class Issues:
    """The damage of one document: a line for each, each words once, in the order it was met."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self._told: dict[str, None] = {}
        self._more = 0

    def add(self, what: str) -> None:
        """Note one; it may quote the document."""
        line = plain_words(what)
        if line in self._told:
            return
        if len(self._told) < MOST_ISSUES:
            self._told[line] = None
        else:
            self._more += 1

    def told(self) -> tuple[str, ...]:
        """All of them, for `Decoded.issues`."""
        return (*self._told, f"and {self._more} more") if self._more else tuple(self._told)
