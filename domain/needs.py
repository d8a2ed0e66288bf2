"""What operators are asked for: one text in which each need is a line, so that it can be told and shown by parts."""

import re

SHOWN = 5
"""Needs shown where many people look; `promisekeeper status ID` shows all."""


def needs(attention: str | None) -> list[str]:
    """Each need by itself, the oldest first; at the end how many of a kind came before."""
    found = [need for need in (attention or "").split("\n") if need]
    return sorted(found, key=_is_count)


def newest(attention: str | None, most: int = SHOWN) -> list[str]:
    """The newest needs, newest first, and how many more there are."""
    found = list(reversed(needs(attention)))
    found.sort(key=_is_count)
    more = len(found) - most
    return found[:most] + ([f"and {more} older; `promisekeeper status` shows all"] if more > 0 else [])


def _is_count(need: str) -> bool:
    """`And 7 earlier: ...` tells of needs that are not listed (see `ledger.attention`)."""
    return re.match(r"And \d+ earlier: ", need) is not None
