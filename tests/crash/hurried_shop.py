"""The shop of a trial: the examples' catalogue, suppliers and orders, fast enough for a test and with worse habits."""

import random
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from pydantic import TypeAdapter

from cli.catalogue import read_catalogue
from cli.order_files import OrderFormat
from devstack.simulators.settings import Behaviour, Pace, Rule
from devstack.stack import Habits
from domain.catalogue import Catalogue
from domain.orders import Address, Customer, Order
from tests.cli.sample_orders import read_orders

EXAMPLES = Path(__file__).parents[2] / "examples"

COLLECTS = timedelta(seconds=8)
"""How long a purchase order collects: time for a merge, and not for a coffee."""

TIMES_AS_FAST = 6
"""The examples' suppliers are made for people to watch."""

MORE_HABITS = {
    "northgate": (
        Rule(behaviour=Behaviour.DAMAGED, skus=("MUG-BLUE", "PLATE-DINNER")),
        Rule(behaviour=Behaviour.SHORT_DELIVERY, skus=("MUG-GREEN", "BOWL-SOUP")),
        Rule(behaviour=Behaviour.DROP_RESPONSE, skus=("GLASS-TUMBLER",)),
    ),
    "hartwell": (Rule(behaviour=Behaviour.OUT_OF_ORDER, skus=("CUSHION-LINEN",)),),
}
"""What the examples' suppliers do not do."""


def hurried(catalogue: Catalogue) -> Catalogue:
    """The catalogue of a shop that cannot wait, and buys by HTTP alone: those suppliers keep books to compare."""
    kept = [s for s in catalogue.suppliers if s.supplier_id not in _by_document(catalogue)]
    suppliers = [s.model_copy(update={"collect_at_most": COLLECTS}) for s in kept]
    sold = [item for item in catalogue.supplier_items if item.supplier_id not in _by_document(catalogue)]
    return catalogue.model_copy(update={"suppliers": tuple(suppliers), "supplier_items": tuple(sold)})


def _by_document(catalogue: Catalogue) -> set[str]:
    return {supplier.supplier_id for supplier in catalogue.suppliers if supplier.connector != "http"}


def habits() -> dict[str, Habits]:
    """How the simulated suppliers behave: as in the examples, faster, and worse."""
    read = TypeAdapter(dict[str, Habits]).validate_json((EXAMPLES / "simulated_suppliers.json").read_bytes())
    return {
        supplier_id: habit.model_copy(
            update={"pace": _fast(habit.pace), "rules": habit.rules + MORE_HABITS.get(supplier_id, ())}
        )
        for supplier_id, habit in read.items()
    }


def _fast(pace: Pace) -> Pace:
    return Pace(**{name: seconds and seconds / TIMES_AS_FAST for name, seconds in pace})


def sample_orders(count: int, chance: random.Random) -> list[Order]:
    """Lines of `examples/orders.csv` in any order; more than it has are the same lines again, for other people."""
    whole = read_catalogue(EXAMPLES / "catalogue.json")
    left_out = {item.sku for item in whole.supplier_items if item.supplier_id in _by_document(whole)}
    read = read_orders(EXAMPLES / "orders.csv", OrderFormat.CSV)[0]
    lines = [order for _, order in read if order.sku not in left_out]
    found: list[Order] = []
    while len(found) < count:
        again = f"-{len(found) // len(lines) + 1}" if found else ""
        taken = chance.sample(lines, min(count - len(found), len(lines)))
        found += [order.model_copy(update={"backorder_id": f"{order.backorder_id}{again}"}) for order in taken]
    return found


def plain_orders(name: str, count: int) -> list[Order]:
    """Orders without any trouble of their own: aprons, which one supplier sells, confirms, ships and delivers."""
    address = Address(name="Ada Whitlock", street="18 Alder Lane", city="Portland", postal_code="97205", country="US")
    return [
        Order(
            backorder_id=f"{name}-{number}",
            sales_order=f"SO-{name}-{number}",
            customer=Customer(customer_id="C-1", name="Ada Whitlock", email="ada.whitlock@example.com"),
            ship_to=address,
            sku="APRON-CANVAS",
            quantity=2,
            unit_price=Decimal("19.90"),
            currency="USD",
            payment_method="pm_card_1",
        )
        for number in range(1, count + 1)
    ]
