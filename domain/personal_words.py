"""Leaving somebody's name, address and the like out of a text."""

import re
from collections.abc import Iterable

LEFT_OUT = "(left out)"


def without_words(text: str, words: Iterable[str]) -> str:
    """The text without these words, in whatever case they are written; a single letter is no word.

    A bare number (many shops number their customers) is left where it is a part of something: an item's or an order's
    number, a price.
    """
    for word in sorted({word.strip() for word in words if len(word.strip()) > 1}, key=len, reverse=True):
        before, behind = (r"(?<!\w[-.,/])", r"(?![-.,/]\w)") if word.isdigit() else ("", "")
        whole = rf"(?<!\w){before}{re.escape(word)}(?!\w){behind}"
        text = re.sub(whole, LEFT_OUT, text, flags=re.IGNORECASE)
    return text
