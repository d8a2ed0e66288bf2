"""The merchant's master data in the books: suppliers, items, who sells what.

Loading again updates terms and prices for what is ordered from then on; it never deletes, never touches stock, and
leaves the standing of a supplier as it has become.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from domain.catalogue import Catalogue, Supplier, SupplierItem
from domain.errors import NotFound
from domain.values import Frozen
from ledger.book import Connection, Ledger, fetch, fetch_one
from ledger.shares import PLACE

# Two loads at once take turns; items go in the order in which their locks are taken elsewhere.
_LOCK = "lock table supplier in share row exclusive mode"
# `xmax = 0` tells an inserted row from an updated one; rows that stay as they are come back not at all.
_SUPPLIERS = """
    insert into supplier as s (supplier_id, status, doc)
    select doc->>'supplier_id', doc->>'status', doc from unnest(%(docs)s::jsonb[]) as doc
    on conflict (supplier_id) do update set doc = excluded.doc where s.doc <> excluded.doc
    returning xmax = 0 as new
"""
_ITEMS = """
    insert into item as i (sku, name)
    select doc->>'sku', doc->>'name' from unnest(%(docs)s::jsonb[]) as doc order by 1
    on conflict (sku) do update set name = excluded.name where i.name <> excluded.name
    returning xmax = 0 as new
"""
_STOCK = """
    insert into stock (sku, place, opening, on_hand)
    select doc->>'sku', %(place)s, (doc->>'on_hand')::int, (doc->>'on_hand')::int
    from unnest(%(docs)s::jsonb[]) as doc on conflict (sku, place) do nothing
"""
_SUPPLIER_ITEMS = """
    insert into supplier_item as i (supplier_id, sku, doc)
    select doc->>'supplier_id', doc->>'sku', doc from unnest(%(docs)s::jsonb[]) as doc
    on conflict (supplier_id, sku) do update set doc = excluded.doc where i.doc <> excluded.doc
    returning xmax = 0 as new
"""
_ALL_SUPPLIERS = "select status, doc from supplier order by supplier_id"
_ONE_SUPPLIER = "select status, doc from supplier where supplier_id = %s"
_SUPPLIER_ITEM = "select doc from supplier_item where supplier_id = %s and sku = %s"
_HAS_ITEMS = "select exists (select from item)"
_SKUS = "select sku from item"


class _Put(NamedTuple):
    new: bool


class _SupplierRow(NamedTuple):
    status: str
    doc: dict[str, Any]

    def supplier(self) -> Supplier:
        """The terms as loaded, with the standing as it is now."""
        return Supplier.model_validate({**self.doc, "status": self.status})


class _Doc(NamedTuple):
    doc: dict[str, Any]


async def load_catalogue(ledger: Ledger, catalogue: Catalogue, *, at: datetime) -> dict[str, int]:
    """Load a catalogue file, all of it or nothing.

    Returns:
        How many entries are new and how many changed: `suppliers_new`, `suppliers_changed`, `items_new`,
        `items_changed`, `supplier_items_new`, `supplier_items_changed`.
    """
    # Loading the same file twice changes nothing by itself, so the moment is key enough.
    async with ledger.fact(
        key=f"catalogue/{at.isoformat()}", subject="catalogue", kind="catalogue loaded", at=at
    ) as fact:
        connection = fact.connection
        await connection.execute(_LOCK)
        counts = {
            **await _put(connection, "suppliers", _SUPPLIERS, catalogue.suppliers),
            **await _put(connection, "items", _ITEMS, catalogue.items),
            **await _put(connection, "supplier_items", _SUPPLIER_ITEMS, catalogue.supplier_items),
        }
        await connection.execute(_STOCK, {"docs": _docs(catalogue.items), "place": PLACE})
        fact.note(**counts)
        return counts


async def _put(connection: Connection, name: str, query: Any, entries: Sequence[Frozen]) -> dict[str, int]:
    rows = await fetch(connection, _Put, query, {"docs": _docs(entries)})
    new = sum(row.new for row in rows)
    return {f"{name}_new": new, f"{name}_changed": len(rows) - new}


def _docs(entries: Sequence[Frozen]) -> list[Jsonb]:
    return [Jsonb(entry.model_dump(mode="json")) for entry in entries]


async def supplier(ledger: Ledger, supplier_id: str) -> Supplier:
    """A supplier's terms and standing. Raises: NotFound."""
    async with ledger.look() as connection:
        row = await fetch_one(connection, _SupplierRow, _ONE_SUPPLIER, (supplier_id,))
    if row is None:
        raise NotFound(f"no supplier {supplier_id!r} in the ledger; load a catalogue that lists it")
    return row.supplier()


async def suppliers(ledger: Ledger) -> list[Supplier]:
    """Every supplier, by id."""
    async with ledger.look() as connection:
        return [row.supplier() for row in await fetch(connection, _SupplierRow, _ALL_SUPPLIERS)]


async def supplier_item(ledger: Ledger, supplier_id: str, sku: str) -> SupplierItem:
    """What a supplier sells an item for. Raises: NotFound."""
    async with ledger.look() as connection:
        row = await fetch_one(connection, _Doc, _SUPPLIER_ITEM, (supplier_id, sku))
    if row is None:
        raise NotFound(f"supplier {supplier_id!r} does not list SKU {sku!r} in the ledger's catalogue")
    return SupplierItem.model_validate(row.doc)


async def has_items(ledger: Ledger) -> bool:
    """Was any catalogue loaded?"""
    async with ledger.look() as connection:
        row = await (await connection.execute(_HAS_ITEMS)).fetchone()
        return bool(row and row[0])


async def known_skus(ledger: Ledger) -> set[str]:
    """Every SKU that orders may name."""
    async with ledger.look() as connection:
        return {str(sku) for (sku,) in await (await connection.execute(_SKUS)).fetchall()}
