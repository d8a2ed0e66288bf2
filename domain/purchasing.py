"""How much to order of a PO line, and at what price. Both hold for the whole merged line, never for one claim on it."""

from decimal import Decimal

from domain.catalogue import SupplierItem


def quantity_to_order(claimed: int, item: SupplierItem) -> int:
    """The stock units to order so that a line covers its claims.

    The supplier's minimum applies once, to the line; the result is rounded up to whole purchase units in the
    supplier's multiple. What exceeds the claims is free stock on arrival.

    Args:
        claimed: stock units claimed on the line by all backorders together; 0 orders nothing.
        item: the supplier's terms for it.

    Raises:
        ValueError: a negative claim.
    """
    if claimed < 0:
        raise ValueError(f"{claimed} units claimed; a claim is never negative")
    if claimed == 0:
        return 0
    step = item.unit_factor * item.order_multiple
    steps = -(-max(claimed, item.minimum_order) // step)
    return steps * step


def unit_price(quantity: int, item: SupplierItem) -> Decimal:
    """The price per stock unit, in the supplier's currency, that the whole line has at a quantity of stock units.

    A quantity of 0 pays the price of the first break; breaks start at 1 and rise.
    """
    return [b.unit_price for b in item.price_breaks if b.from_quantity <= max(quantity, 1)][-1]
