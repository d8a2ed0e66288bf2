"""The laws of the books, each in a sentence.

The database refuses what breaks one within a row (constraints named after their law); `ledger/audit.py` checks all.
"""

from typing import LiteralString, NamedTuple

LAWS: dict[str, str] = {
    "L1": "Every ordered unit is unsourced, claimed, allocated, shipped or cancelled, and none of these is negative.",
    "L2": "Every unit a supplier confirmed was received, good or bad, or is open, closed short or cancelled.",
    "L3": "The claims on a purchase order line, and what it is asked to be reduced by, are never more than is open.",
    "L4": "Never more is allocated than was accepted into the house and is still there.",
    "L5": "Never more is refunded than was captured; each cent taken is for shipped goods, refundable or refunded.",
    "L6": "Whatever is sent, said or done twice counts once: orders, receipts, messages, parcels.",
    "L7": "The first promise never changes, every promise has a basis, and every delay told offers a way out.",
    "L8": "Status is derived from quantities and never stored; what has ended has nothing open.",
}


class Check(NamedTuple):
    """A part of a law, and the query that finds the rows for which it does not hold."""

    law: str
    what: str
    """What is wrong with the rows found."""
    rows: LiteralString
