"""ConfirmationItem: what a supplier says of one line, in parts (ConfirmationStatus), each with its own quantity."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from connectors.suppliers.cxml.documents import Element, attribute, child, children, text
from connectors.suppliers.cxml.profile import CxmlPartner, UnsaidRest
from connectors.suppliers.cxml.references import line_meant
from connectors.suppliers.issues import Issues
from connectors.suppliers.plain_values import (
    MOST_MONEY,
    MOST_UNITS,
    Units,
    currency_code,
    iso_day,
    name,
    number,
    promised_day,
)
from connectors.words import plain_words
from domain.supplier_events import AckLine, LineRef, Split, SplitStatus

STATUSES = {
    "accept": SplitStatus.ACCEPTED,
    "alldetail": SplitStatus.ACCEPTED,
    "detail": SplitStatus.ACCEPTED,
    "backordered": SplitStatus.BACKORDERED,
    "reject": SplitStatus.REJECTED,
    "unknown": SplitStatus.HELD,
}
"""ConfirmationStatus/@type, in lower case."""


class ConfirmedLines:
    """The items of one confirmation, read one by one; what cannot be a line's answer is an incident, never dropped."""

    def __init__(self, kind: str, partner: CxmlPartner, issues: Issues) -> None:
        """`kind` is ConfirmationHeader/@type in lower case, which holds for items that say nothing else."""
        self.unclear: list[str] = []
        """What the supplier does that a person has to ask about."""
        self._kind, self._partner, self._issues = kind, partner, issues
        self._units = Units(partner.unit_of_measure, partner.same_units)

    def read(self, items: Sequence[Element]) -> tuple[AckLine, ...]:
        """The answer to each line that can be read."""
        return tuple(line for item in items if (line := self._line(item)))

    def _line(self, item: Element) -> AckLine | None:
        parts = list(children(item, "ConfirmationStatus"))
        # ItemIn names what is delivered, so it names the ordered line only where @lineNumber is missing
        item_id = child(parts[0], "ItemIn", "ItemID") if parts and not attribute(item, "lineNumber") else None
        ref = line_meant(item, item_id)
        if ref is None:
            self.unclear.append("answers a line without naming it")
            return None
        where = f"line {ref.line_no or ref.sku or ref.supplier_sku}"
        whole = self._quantity(item)
        if not parts:
            return self._bare(item, ref, whole, where)
        splits: list[Split] = []
        for part in parts:
            quantity = self._quantity(part)
            if quantity is None and len(parts) == 1:
                quantity = whole
            if quantity is None:
                self.unclear.append(f"answers {where} without a quantity that can be read")
                return None
            if not self._same_unit(item, part):
                self.unclear.append(
                    f"answers {where} in another unit than {self._units.ordered_in}, in which it is ordered"
                )
                return None
            splits.append(self._split(part, quantity, where))
        rest = self._unsaid_rest(whole, splits, where)
        return AckLine(line=ref, splits=(*splits, *rest))

    def _bare(self, item: Element, ref: LineRef, whole: Decimal | None, where: str) -> AckLine | None:
        """An item without a status of its own has the header's."""
        if whole is None or self._kind not in {"accept", "backordered"} or not self._same_unit(item, item):
            self.unclear.append(f"answers {where} without saying what becomes of it")
            return None
        return AckLine(line=ref, splits=(Split(status=STATUSES[self._kind], quantity=whole),))

    def _split(self, part: Element, quantity: Decimal, where: str) -> Split:
        kind = attribute(part, "type").casefold()
        status = STATUSES.get(kind) or STATUSES.get(self._kind if not kind else "", SplitStatus.HELD)
        if kind not in STATUSES:
            self._issues.add(f"{where}: ConfirmationStatus/@type {kind!r} is not known; the part is {status.value}")
        item_in = child(part, "ItemIn")
        substitute = None
        if kind == "detail" and item_in is not None and self._partner.item_in_detail_is_substitute:
            substitute = name(text(child(item_in, "ItemID", "SupplierPartID")))
            status = SplitStatus.SUBSTITUTED
        unit_price, unit_currency = self._price(part, item_in, where)
        return Split(
            status=status,
            quantity=quantity,
            ship_on=self._day(part, "shipmentDate", where),
            deliver_on=self._day(part, "deliveryDate", where),
            unit_price=unit_price,
            currency=unit_currency,
            substitute=substitute,
            reason=plain_words(" ".join(text(words) for words in children(part, "Comments"))),
        )

    def _unsaid_rest(self, whole: Decimal | None, splits: Sequence[Split], where: str) -> tuple[Split, ...]:
        told = sum((split.quantity for split in splits), start=Decimal(0))
        if whole is None or told == whole:
            return ()
        self._issues.add(f"{where}: its parts come to {told}, and the line is of {whole}")
        if told > whole or self._partner.unsaid_rest is UnsaidRest.DROPPED:
            return ()
        return (Split(status=SplitStatus.BACKORDERED, quantity=whole - told, reason="the rest, without a date"),)

    def _quantity(self, element: Element) -> Decimal | None:
        written = attribute(element, "quantity")
        found = number(written, MOST_UNITS)
        if written and found is None:
            self._issues.add(f"quantity {written!r} cannot be read")
        return found

    def _same_unit(self, *elements: Element) -> bool:
        return all(self._units.same(text(child(element, "UnitOfMeasure"))) for element in elements)

    def _day(self, part: Element, which: str, where: str) -> date | None:
        written = attribute(part, which)
        return promised_day(iso_day(written), written, f"{where}, {which}", self._issues)

    def _price(self, part: Element, item_in: Element | None, where: str) -> tuple[Decimal | None, str | None]:
        """Per purchase unit, with its currency; a price for a hundred (PriceBasisQuantity) cannot be compared."""
        detail = child(item_in, "ItemDetail")
        money = child(part, "UnitPrice", "Money")
        if money is None:
            money = child(detail, "UnitPrice", "Money")
        if money is None or not text(money):
            return None, None
        if any(child(priced, "PriceBasisQuantity") is not None for priced in (part, detail)):
            self._issues.add(f"{where}: the price is for a PriceBasisQuantity; it is not read")
            return None, None
        found = number(text(money), MOST_MONEY)
        if found is None:
            self._issues.add(f"{where}: the price {text(money)!r} cannot be read")
            return None, None
        return found, currency_code(attribute(money, "currency"), self._issues)
