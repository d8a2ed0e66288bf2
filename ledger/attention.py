"""What an operator is asked for, on a backorder or a purchase order: one text, in which each need is a line.

A need is raised next to what is asked already, never twice in the same words, and settled by itself. Of needs of one
kind that anybody may send by the hundred, only the newest are kept, with a count: the text is read with every look at
the order, and goes into histories.
"""

import re
from datetime import datetime
from typing import LiteralString

from domain.needs import needs
from ledger.book import Connection

NEWEST_ALIKE = 5
"""How many needs of one kind stand side by side; earlier ones are counted, and are still in the story."""


def _raise(table: LiteralString, key: LiteralString) -> LiteralString:
    return f"""
        update {table} set attention_since = coalesce(attention_since, %(at)s),
                           attention = concat_ws(E'\\n', attention, %(what)s::text)
        where {key} = %(id)s and (attention is null or position(%(what)s in attention) = 0)
    """


def _settle(table: LiteralString, key: LiteralString) -> LiteralString:
    # Texts from before needs were lines have blanks between them.
    return f"""
        update {table} asked set attention = rest.needs,
                                 attention_since = case when rest.needs is not null then asked.attention_since end
        from (select nullif(btrim(case
                  when position(E'\\n' || coalesce(%(need)s, attention) || E'\\n' in E'\\n' || attention || E'\\n') > 0
                  then replace(E'\\n' || attention || E'\\n',
                               E'\\n' || coalesce(%(need)s, attention) || E'\\n', E'\\n')
                  else replace(' ' || attention || ' ', ' ' || coalesce(%(need)s, attention) || ' ', ' ')
              end, E' \\n'), '') as needs
              from {table} where {key} = %(id)s for no key update) rest
        where {key} = %(id)s and attention is not null
    """


RAISE_ON_BACKORDER = _raise("backorder", "backorder_id")
"""Parameters: `id`, `what` is needed, `at`. Touches no row if that is asked already."""
SETTLE_ON_BACKORDER = _settle("backorder", "backorder_id")
"""Parameters: `id`, and the `need` that is not asked any more; null: nothing is."""
RAISE_ON_ORDER = _raise("purchase_order", "po_number")
SETTLE_ON_ORDER = _settle("purchase_order", "po_number")

_READ_ON_BACKORDER: LiteralString = "select attention from backorder where backorder_id = %s for no key update"
_READ_ON_ORDER: LiteralString = "select attention from purchase_order where po_number = %s for no key update"
_WRITE_ON_BACKORDER: LiteralString = """
    update backorder set attention = %s, attention_since = coalesce(attention_since, %s) where backorder_id = %s
"""
_WRITE_ON_ORDER: LiteralString = """
    update purchase_order set attention = %s, attention_since = coalesce(attention_since, %s) where po_number = %s
"""


async def ask_operator(connection: Connection, po_number: str, what: str, *, at: datetime) -> None:
    """Raise attention on an order, within the transaction of what makes it necessary."""
    await connection.execute(RAISE_ON_ORDER, {"id": po_number, "what": what, "at": at})


async def ask_among_many(
    connection: Connection, one: str, what: str, *, alike: str, on_order: bool, at: datetime
) -> None:
    """Raise one of a kind of which there may be hundreds.

    Args:
        connection: the fact's transaction.
        one: the backorder's id, or the purchase order's number.
        what: the need; begins with `alike`.
        alike: how every need of the kind begins.
        on_order: whether `one` is a purchase order.
        at: when.
    """
    row = await (await connection.execute(_READ_ON_ORDER if on_order else _READ_ON_BACKORDER, (one,))).fetchone()
    if row is not None:
        text = among(row[0], what, alike)
        await connection.execute(_WRITE_ON_ORDER if on_order else _WRITE_ON_BACKORDER, (text, at, one))


def among(attention: str | None, what: str, alike: str) -> str:
    """The text with one more need of a kind: the newest of the kind stay, and how many came before is told."""
    lines = needs(attention)
    if what in lines:
        return "\n".join(lines)
    counted = re.compile(rf"And (\d+) earlier: {re.escape(alike)} \.\.\.")
    earlier = sum(int(found[1]) for line in lines if (found := counted.fullmatch(line)))
    of_the_kind = [line for line in lines if line.startswith(alike)]
    dropped = of_the_kind[: max(0, len(of_the_kind) + 1 - NEWEST_ALIKE)]
    kept = [line for line in lines if line not in dropped and not counted.fullmatch(line)]
    earlier += len(dropped)
    return "\n".join([*kept, *([f"And {earlier} earlier: {alike} ..."] if earlier else []), what])
