"""What an operator is asked for, on a backorder or a purchase order: one text, in which each need is a part.

A need is raised next to what is asked already, never twice in the same words, and settled by itself.
"""

from datetime import datetime
from typing import LiteralString

from ledger.book import Connection


def _raise(table: LiteralString, key: LiteralString) -> LiteralString:
    return f"""
        update {table} set attention_since = coalesce(attention_since, %(at)s),
                           attention = concat_ws(' ', attention, %(what)s::text)
        where {key} = %(id)s and (attention is null or position(%(what)s in attention) = 0)
    """


def _settle(table: LiteralString, key: LiteralString) -> LiteralString:
    return f"""
        update {table} asked set attention = rest.needs,
                                 attention_since = case when rest.needs is not null then asked.attention_since end
        from (select nullif(btrim(replace(
                         ' ' || attention || ' ', ' ' || coalesce(%(need)s, attention) || ' ', ' ')), '') as needs
              from {table} where {key} = %(id)s for no key update) rest
        where {key} = %(id)s and attention is not null
    """


RAISE_ON_BACKORDER = _raise("backorder", "backorder_id")
"""Parameters: `id`, `what` is needed, `at`. Touches no row if that is asked already."""
SETTLE_ON_BACKORDER = _settle("backorder", "backorder_id")
"""Parameters: `id`, and the `need` that is not asked any more; null: nothing is."""
RAISE_ON_ORDER = _raise("purchase_order", "po_number")
SETTLE_ON_ORDER = _settle("purchase_order", "po_number")


async def ask_operator(connection: Connection, po_number: str, what: str, *, at: datetime) -> None:
    """Raise attention on an order, within the transaction of what makes it necessary."""
    await connection.execute(RAISE_ON_ORDER, {"id": po_number, "what": what, "at": at})
