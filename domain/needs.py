"""What operators are asked for: one text in which each need is a line, so that it can be told and shown by parts."""

SHOWN = 5
"""Needs shown where many people look; `promisekeeper status ID` shows all."""


def needs(attention: str | None) -> list[str]:
    """Each need by itself, the oldest first."""
    return [need for need in (attention or "").split("\n") if need]


def newest(attention: str | None, most: int = SHOWN) -> list[str]:
    """The newest needs, newest first, and how many more there are."""
    found = needs(attention)[::-1]
    more = len(found) - most
    return found[:most] + ([f"and {more} older; `promisekeeper status` shows all"] if more > 0 else [])
