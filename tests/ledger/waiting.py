"""Backorders that wait without supply: they searched for it, and nobody could be asked."""

from typing import Any

from domain.backorder_position import BackorderPosition


async def waits(shop: Any, backorder_id: str, sku: str = "LAMP", quantity: int = 1, **more: Any) -> BackorderPosition:
    """Accept a backorder and search for its supply while every supplier is suspended."""
    await shop.accept(backorder_id, sku, quantity, **more)
    await shop.do("update supplier set status = 'suspended' where status = 'trusted'")
    position: BackorderPosition = await shop.source(backorder_id)
    await shop.do("update supplier set status = 'trusted' where status = 'suspended'")
    assert (position.unsourced, position.sourcing_tries) == (quantity, 1)
    return position
