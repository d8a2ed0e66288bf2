"""Which backorder or purchase order is meant by what somebody typed or copied from the Temporal UI."""

from typing import NamedTuple

from cli.connections import open_ledger
from domain import names
from domain.errors import NotFound
from domain.names import is_po_number
from ledger import backorders, purchase_orders

_BACKORDER = names.backorder_workflow_id("")
_PURCHASE_ORDER = names.purchase_order_workflow_id("")


class Meant(NamedTuple):
    """One backorder or purchase order."""

    id: str
    """Without the prefix of its workflow."""
    is_order: bool
    """Is it a purchase order?"""


def bare(what: str) -> str:
    """An id as the ledger knows it: the Temporal UI shows `backorder/BO-1001` and `po/PO-000002`."""
    return what.removeprefix(_BACKORDER).removeprefix(_PURCHASE_ORDER)


async def meant(what: str) -> Meant:
    """Tell a purchase order from a backorder.

    A workflow's id says it itself. Else the form of a number means a purchase order, unless there is none and a
    backorder has it: earlier releases took backorders that were named so.

    Raises:
        CommandFailed: the ledger has to be asked and cannot be.
    """
    one = bare(what)
    if what != one or not is_po_number(one):
        return Meant(one, what.startswith(_PURCHASE_ORDER))
    async with open_ledger() as ledger:
        try:
            await purchase_orders.position(ledger, one)
        except NotFound:
            return Meant(one, is_order=await backorders.fingerprint(ledger, one) is None)
    return Meant(one, is_order=True)
