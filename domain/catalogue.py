"""Suppliers, items and what each supplier sells: the merchant's master data, as loaded from a catalogue file.

Terms that nothing can be bought on are refused here, by field and reason: found when the file is loaded, not when the
first order is to go out. Fields nobody knows are the file reader's to refuse; what the ledger kept stays readable.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from domain.values import CURRENCY_DIGITS, Currency, Frozen, Id, PositiveQuantity, Price, Quantity, Sku, Text, Zone

LONGEST_WAIT = timedelta(days=30)
"""No wait for a supplier is longer: where no date was stated the law gives a shop 30 days to ship (16 CFR 435.2), so
that a longer one breaks the promise by itself."""

LONGEST_LEAD_TIME = timedelta(days=3 * 365)
"""Made to order abroad takes a year or two; more is some system's word for 'never'."""

SLOWEST_RATE = 0.1
"""Exchanges a second. The Temporal server shares a rate out to four parts of a task queue, so that at this one the
eighth exchange in a part waits for five minutes, after which it is given up for a while (`workflows.durably`)."""

FASTEST_RATE = 1000.0

LARGEST_ORDER = 1_000_000
"""Stock units that the smallest order of an item may come to: as many as one customer may order."""


def _written_out(example: str) -> BeforeValidator:
    """JSON's bare numbers would be read as seconds: 5 meant as days, 17 meant as a time of day."""

    def check(value: object) -> object:
        if isinstance(value, int | float | Decimal):
            raise ValueError(f"a bare number does not say what it counts; write {example}")  # noqa: TRY004 - pydantic's
        return value

    return BeforeValidator(check)


def _between(least: timedelta, most: timedelta, words: str) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if not least <= value <= most:
            raise ValueError(words)
        return value

    return AfterValidator(check)


_A_DURATION = _written_out("a duration such as 'P5D' (days), 'PT12H' (hours) or 'PT30M' (minutes)")
_BY_LAW = "where no date was stated, the law gives a shop 30 days to ship (16 CFR 435.2)"

Wait = Annotated[timedelta, _A_DURATION, _between(timedelta(0), LONGEST_WAIT, f"must be 0 to 30 days: {_BY_LAW}")]
"""How long something may take; 0 is not at all. In files an ISO 8601 duration."""

Pause = Annotated[
    timedelta, _A_DURATION, _between(timedelta(seconds=1), LONGEST_WAIT, f"must be 1 second to 30 days: {_BY_LAW}")
]
"""A wait that has to be one, since the supplier is asked again after it."""

LeadTime = Annotated[
    timedelta, _A_DURATION, _between(timedelta(0), LONGEST_LEAD_TIME, "must be 0 to 1095 days; no longer one is kept")
]

Day = Annotated[date, _written_out("a date such as '2026-12-31'")]


def _local(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("is a local time of day, in the cut-off's own zone; write it without an offset, such as 17:00")
    return at


TimeOfDay = Annotated[time, _written_out("a time of day such as '17:00'"), AfterValidator(_local)]

Weekday = Annotated[int, Field(ge=0, le=6)]
"""Monday is 0."""

ShortText = Annotated[Text, StringConstraints(max_length=80)]

UnitPrice = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=4)]
"""What a supplier asks for a unit, below 100 million: a million units of it are still a sum that the books can hold.

In trade a price for one may be finer than the smallest coin (screws at 0.0125 each), down to four decimals in every
currency; what is paid is the line's sum, rounded to the coin. Customers' prices have no such habit.
"""


def _a_rate(rate: float) -> float:
    if not SLOWEST_RATE <= rate <= FASTEST_RATE:
        raise ValueError(
            f"must be {SLOWEST_RATE} to {FASTEST_RATE:g}: slower, orders would be given up for a while before their "
            "turn comes. Leave it out if the supplier names no limit"
        )
    return rate


class SupplierStatus(StrEnum):
    """How far a supplier is trusted; suspended and abandoned ones get no new purchase orders."""

    TRUSTED = "trusted"
    PROBATION = "probation"
    SUSPENDED = "suspended"
    ABANDONED = "abandoned"


class CutOff(Frozen):
    """When a supplier takes orders: local times of day on working days; a PO collects until the next one."""

    zone: Zone = "UTC"
    """IANA time zone of `times`."""
    times: tuple[TimeOfDay, ...] = Field(default=(time(17, 0),), min_length=1, max_length=96)
    weekdays: tuple[Weekday, ...] = Field(default=(0, 1, 2, 3, 4), min_length=1, max_length=7)
    """Days orders are taken; Monday is 0."""


class Supplier(Frozen):
    """A supplier and the terms that purchase orders to it follow."""

    supplier_id: Id
    name: Text
    status: SupplierStatus = SupplierStatus.TRUSTED
    currency: Currency
    connector: Text = "http"
    """Entry-point name in the group `promisekeeper.connectors`."""
    connector_config: dict[str, Any] = Field(default_factory=dict)
    """What that connector's own Config model reads. A value `env:NAME` is read from the environment variable NAME."""
    requests_per_second: Annotated[float, AfterValidator(_a_rate)] | None = None
    """The most exchanges with the supplier, over all workers together; None is as many as there are."""
    fetch_every: Pause = timedelta(minutes=1)
    """How often messages are fetched from a supplier who leaves them in a folder or mailbox."""
    add_to_open_orders: bool = False
    """What is collected next is added, as a change, to an order that the supplier has confirmed and not begun to
    deliver, where its connector can add lines; False: each collected order is placed by itself."""
    terms: ShortText = "net30"
    """Payment terms; a part of the merge key."""
    cut_off: CutOff = CutOff()
    collect_at_most: Wait = timedelta(days=1)
    """The longest a PO collects shares, if no cut-off comes first."""
    threshold_quantity: PositiveQuantity | None = None
    """A PO is released early when its stock units reach this."""
    threshold_value: Annotated[Price, Field(gt=0)] | None = None
    """A PO is released early when its value, in the supplier's currency, reaches this."""
    read_within: Pause = timedelta(hours=4)
    """How long after sending the supplier may take to say that it could read a document, if its protocol has such a
    word (a 997 or a CONTRL). It says nothing of the order itself."""
    acknowledge_within: Pause = timedelta(days=1)
    """How long after sending an acknowledgement may take before it is chased."""
    chase_every: Pause = timedelta(days=1)
    chase_at_most: int = Field(default=2, ge=0, le=20)
    """Reminders before the order is withdrawn, or an operator is asked."""
    overdue_grace: Wait = timedelta(days=1)
    """How long after the expected date goods may take before they count as overdue."""
    over_receipt_tolerance: Decimal = Field(default=Decimal("0.05"), ge=0, le=1)
    """The share of a line's open quantity that may arrive on top and is taken into stock; more is quarantined."""
    price_rise_tolerance: Annotated[Decimal, Field(ge=0, le=1, decimal_places=4)] = Decimal("0.05")
    """The share by which the price of a supplier's answer may be above the one ordered, and is taken; more, or another
    currency, and an operator is asked. The customer's price never rises. The default is an assumption."""

    @model_validator(mode="after")
    def _threshold_in_coins(self) -> Self:
        digits = CURRENCY_DIGITS[self.currency]
        if self.threshold_value is not None and self.threshold_value != round(self.threshold_value, digits):
            raise ValueError(f"threshold_value is a sum, so in {self.currency} it has at most {digits} decimals")
        return self


class Item(Frozen):
    """Something the shop sells."""

    sku: Sku
    name: Text
    on_hand: Quantity = Field(
        default=0,
        description="Opening stock: accepted units in the warehouse when the item is first loaded. "
        "Later loads leave the stock of a known item as it is.",
    )


class PriceBreak(Frozen):
    """From this quantity (stock units) on, the whole line costs this price per stock unit."""

    from_quantity: PositiveQuantity
    unit_price: UnitPrice


class SupplierItem(Frozen):
    """What a supplier sells an item for. Quantities are in stock units, prices per stock unit."""

    supplier_id: Id
    sku: Sku
    supplier_sku: ShortText
    price_breaks: tuple[PriceBreak, ...] = Field(min_length=1, max_length=100)
    minimum_order: PositiveQuantity = 1
    """MOQ, in stock units, once per merged line."""
    order_multiple: PositiveQuantity = 1
    """Purchase units come in multiples of this."""
    unit_factor: PositiveQuantity = 1
    """Stock units in one purchase unit (a case of 12: 12)."""
    lead_time: LeadTime = timedelta(days=7)
    """Quoted, from the order to the goods here."""
    valid_from: Day | None = None
    valid_to: Day | None = None
    """The last day of it."""

    @model_validator(mode="after")
    def _can_be_bought(self) -> Self:
        starts = [b.from_quantity for b in self.price_breaks]
        if starts[0] != 1 or any(later <= earlier for earlier, later in pairwise(starts)):
            raise ValueError("price_breaks must start at 1 and rise: each from_quantity above the one before it")
        if self.valid_from and self.valid_to and self.valid_from > self.valid_to:
            raise ValueError(f"valid_from {self.valid_from} is after valid_to {self.valid_to}; so it is never valid")
        step = self.unit_factor * self.order_multiple
        smallest = -(-self.minimum_order // step) * step
        if smallest > LARGEST_ORDER:
            raise ValueError(
                f"unit_factor x order_multiple, and minimum_order, make {smallest} stock units the smallest order; "
                f"more than {LARGEST_ORDER} are never ordered at once, so it could not be bought"
            )
        return self


class Catalogue(Frozen):
    """A whole catalogue file: suppliers, items, and who sells what."""

    suppliers: tuple[Supplier, ...]
    items: tuple[Item, ...]
    supplier_items: tuple[SupplierItem, ...]

    @model_validator(mode="after")
    def _refers_to_itself(self) -> Self:
        suppliers = [supplier.supplier_id for supplier in self.suppliers]
        pairs = [(entry.supplier_id, entry.sku) for entry in self.supplier_items]
        if wrong := list(contradictions(suppliers, [item.sku for item in self.items], pairs)):
            raise ValueError("\n".join(f"{'.'.join(map(str, one.where))}: {one.wrong}" for one in wrong))
        return self


class Contradiction(NamedTuple):
    """An entry that does not fit the others."""

    where: tuple[str, int, str]
    """Part, entry (from 0) and field."""
    wrong: str


def contradictions(
    suppliers: Sequence[str | None], skus: Sequence[str | None], sold: Sequence[tuple[str | None, str | None]]
) -> Iterator[Contradiction]:
    """Compare the entries of a catalogue by their keys.

    Args:
        suppliers: the id of each supplier; None: it has none that can be read, so it may be any.
        skus: the sku of each item, likewise.
        sold: supplier and sku of each supplier item, likewise.
    """
    for n in _repeats(suppliers):
        yield Contradiction(("suppliers", n, "supplier_id"), "two suppliers share a supplier_id; give each its own")
    for n in _repeats(skus):
        yield Contradiction(("items", n, "sku"), "two items share a sku; give each its own")
    for n in _repeats([None if None in pair else pair for pair in sold]):
        yield Contradiction(
            ("supplier_items", n, "sku"), f"{sold[n][0]!r} lists sku {sold[n][1]!r} twice; keep one entry"
        )
    for n, supplier_id in _unknown([supplier_id for supplier_id, _ in sold], suppliers):
        wrong = f"names supplier {supplier_id!r}, which is not under suppliers"
        yield Contradiction(("supplier_items", n, "supplier_id"), wrong)
    for n, sku in _unknown([sku for _, sku in sold], skus):
        yield Contradiction(("supplier_items", n, "sku"), f"names sku {sku!r}, which is not under items")


def _repeats(keys: Sequence[Hashable | None]) -> Iterator[int]:
    """Where a key stands for the second time."""
    times = Counter[Hashable]()
    for n, key in enumerate(keys):
        times[key] += 1
        if key is not None and times[key] == 2:
            yield n


def _unknown(named: Sequence[str | None], known: Sequence[str | None]) -> Iterator[tuple[int, str]]:
    """Where a key that is not known is named for the first time; nothing where the known ones are not all known."""
    if None in known:
        return
    seen = set(known)
    for n, key in enumerate(named):
        if key is not None and key not in seen:
            seen.add(key)
            yield n, key
