"""Leaving somebody's name, address and the like out of a text."""

import re
from collections.abc import Iterable

LEFT_OUT = "(left out)"


def without_words(text: str, words: Iterable[str]) -> str:
    """The text without these words, in whatever case they are written; a single letter is no word."""
    for word in sorted({word.strip() for word in words if len(word.strip()) > 1}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", LEFT_OUT, text, flags=re.IGNORECASE)
    return text
