"""The money of one backorder: what it is worth, what a parcel is charged, what is to be given back.

Amounts are cumulative before they are rounded, so that the parcels of an order add up to its value to the cent.
Shipping is charged once for the order, with the first parcel, and given back only when nothing ships.
"""

from decimal import Decimal

from domain.values import Frozen, round_money


class Worth(Frozen):
    """What the customer agreed to pay for a backorder."""

    unit_price: Decimal
    shipping_charge: Decimal
    currency: str

    def of(self, units: int) -> Decimal:
        """The price of that many units out of the order, with shipping if there is any; rounded to the minor unit."""
        if units == 0:
            return Decimal(0)
        goods = round_money(self.unit_price * units, self.currency)
        return goods + round_money(self.shipping_charge, self.currency)


def parcel_charge(worth: Worth, units_out: int, covered: Decimal) -> Decimal:
    """What to charge for a parcel.

    Args:
        worth: the customer's prices.
        units_out: units shipped, in other live parcels, and in this one.
        covered: what was captured and not refunded, and what other live parcels are still to be charged.

    Returns:
        Never below 0: a deposit may cover more than the first parcels are worth.
    """
    return max(Decimal(0), worth.of(units_out) - covered)


def refund_due(worth: Worth, *, open_units: int, shipped: int, captured: Decimal, refunded: Decimal) -> Decimal:
    """What is to be given back: nothing while units are owed, then all that was taken for goods that will not ship."""
    if open_units:
        return Decimal(0)
    return max(Decimal(0), round_money(captured - refunded, worth.currency) - worth.of(shipped))
