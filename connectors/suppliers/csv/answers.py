"""What the rows of a partner's file say: acknowledgements, ship notices and receipts, each order's rows together.

A row's `type` is acknowledgement, ship_notice or receipt; where there is no such column, the columns tell: `receipt_id`
or `good` make a receipt, `shipment_id` a ship notice, `status` or `verdict` an acknowledgement.

Acknowledgement: several rows of one line are its parts. A row without a line speaks for the whole order: accepted, or
rejected. With a `revision` above 0 it answers that change or cancellation; `verdict` (accepted, partly, refused) says
how, or the row without a line, or else the lines as they now stand do.
Ship notice: the rows of one shipment. Receipt: the rows of one `receipt_id`; `quantity` counts as good.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from connectors.errors import Undecodable
from connectors.suppliers.csv.profile import CsvPartner
from connectors.suppliers.csv.tables import ANY_ITEM, Row, rows
from connectors.suppliers.csv.values import BALANCES, PURPOSES, STATUSES, YES, read_day, read_number, why_no_number
from connectors.suppliers.interface import Decoded
from connectors.suppliers.issues import Issues
from connectors.suppliers.plain_values import (
    MOST_EVENTS,
    MOST_MONEY,
    MOST_UNITS,
    Units,
    currency_code,
    line_number,
    name,
    promised_day,
)
from connectors.words import plain_words
from domain.supplier_events import (
    AckLine,
    ChangeAck,
    ChangeVerdict,
    LineRef,
    NoticeLine,
    NoticePurpose,
    OrderAck,
    Received,
    ReceivedLine,
    ShipNotice,
    Split,
    SplitStatus,
    SupplierEvent,
    Unmatched,
)

_OUR_TYPES = frozenset({"", "order", "change", "cancel"})
"""A partner may fill in our own file and send it back; its columns tell what it has become."""

_OF_A_LINE = ("line_no", "sku", "supplier_sku", "item", ANY_ITEM, "quantity")
"""A row with a text in one of them does not speak for the whole order."""

_VERDICTS = {
    "accepted": ChangeVerdict.ACCEPTED,
    "partly": ChangeVerdict.PARTLY,
    "refused": ChangeVerdict.REFUSED,
    "rejected": ChangeVerdict.REFUSED,
    "unclear": ChangeVerdict.UNCLEAR,
}


def decoded(body: bytes, partner: CsvPartner) -> Decoded:
    """Read a file. Raises: Undecodable, and nothing else."""
    digest = hashlib.sha256(body).hexdigest()
    issues = Issues()
    table = rows(body, partner, issues)
    if not table:
        raise Undecodable("the file has a header and no rows")
    tests = [row for row in table if row["test"].casefold() in YES]
    if tests and not partner.test:
        issues.add(f"{len(tests)} rows are marked as a test, and are not acted upon")
        table = [row for row in table if row["test"].casefold() not in YES]
    events = _Answers(partner, issues, digest[:16]).events(table)
    if len(events) > MOST_EVENTS:
        raise Undecodable(f"the file says more than {MOST_EVENTS} things; send it in parts")
    return Decoded(dedupe_key=f"sha256:{digest}", events=events, issues=issues.told())


def _type_of(row: Row) -> str:
    said = row["type"].casefold().replace(" ", "_")
    if said not in _OUR_TYPES:
        return {"ack": "acknowledgement", "answer": "acknowledgement", "asn": "ship_notice"}.get(said, said)
    if row["receipt_id"] or row["good"] or row["damaged"] or row["wrong"]:
        return "receipt"
    if row["shipment_id"]:
        return "ship_notice"
    return "acknowledgement" if row["status"] or row["verdict"] else ""


class _Answers:
    """The rows of one file, order by order; what cannot be read of a row is an incident, never dropped."""

    def __init__(self, partner: CsvPartner, issues: Issues, digest: str) -> None:
        self._partner, self._issues, self._digest = partner, issues, digest
        self._units = Units(partner.unit_of_measure, partner.same_units)
        self._incidents: list[SupplierEvent] = []

    def events(self, table: Sequence[Row]) -> tuple[SupplierEvent, ...]:
        groups: dict[tuple[str, str, str], list[Row]] = {}
        for row in table:
            po_number, kind = name(row["po_number"]), _type_of(row)
            distinct = {"acknowledgement": "revision", "ship_notice": "shipment_id", "receipt": "receipt_id"}.get(kind)
            if po_number is None:
                self._ask(None, row, "names no order")
            elif distinct is None:
                self._ask(po_number, row, f"is of no type that we know ({row['type']!r})")
            else:
                which = row[distinct].lstrip("0") if distinct == "revision" else row[distinct]
                groups.setdefault((kind, po_number, which), []).append(row)
        read = {"acknowledgement": self._acknowledgement, "ship_notice": self._ship_notice, "receipt": self._receipt}
        told: list[SupplierEvent] = []
        for (kind, po_number, _), of_one in groups.items():
            told += read[kind](po_number, of_one)
        return (*told, *self._incidents)

    def _acknowledgement(self, po_number: str, of_one: Sequence[Row]) -> Iterable[SupplierEvent]:
        asked, written = len(self._incidents), of_one[0]["revision"]
        revision = line_number(written) or 0
        if written and not revision and written.lstrip("0"):
            self._ask(po_number, of_one[0], f"has the revision {written!r}, which cannot be read")
            return ()
        parts: dict[LineRef, list[Split]] = {}
        whole: list[Row] = []
        for row in of_one:
            ref = _line(row)
            if ref is None and any(row[column] for column in _OF_A_LINE):
                self._ask(po_number, row, "answers for a line, and names none that can be read")
            elif ref is None:
                whole.append(row)
            elif split := self._split(po_number, row):
                parts.setdefault(ref, []).append(split)
        lines = tuple(AckLine(line=ref, splits=tuple(splits)) for ref, splits in parts.items())
        said = {self._status(row) for row in whole if row["status"]}
        if said - {SplitStatus.ACCEPTED, SplitStatus.REJECTED} or len(said) > 1:
            self._ask(po_number, whole[0], f"says {whole[0]['status']!r} of the whole order, which is no answer")
            said = set[SplitStatus | None]()
        verdicts = [row["verdict"].casefold() for row in of_one if row["verdict"]]
        rejected = SplitStatus.REJECTED in said
        if not lines and not said and not (revision and verdicts):
            if len(self._incidents) == asked:
                self._ask(po_number, of_one[0], "answers nothing")
            return ()
        if rejected and lines and not revision:
            self._issues.add(f"{po_number} is rejected as a whole; what its lines say is not read")
            lines = ()
        ack = OrderAck(
            po_number=po_number,
            revision=revision,
            accepted=not rejected,
            supplier_order_no=next(filter(None, (name(row["supplier_order_no"]) for row in of_one)), None),
            lines=lines,
            reason=plain_words(next(filter(None, (row["reason"] for row in whole)), "")),
        )
        return self._of_revision(ack, verdicts, said) if revision else (ack,)

    def _of_revision(
        self, ack: OrderAck, verdicts: Sequence[str], said: set[SplitStatus | None]
    ) -> Iterable[SupplierEvent]:
        """The verdict; then, since that carries no dates, the lines as an answer to the order as it stands by then."""
        if verdicts:
            same = len(set(verdicts)) == 1
            verdict = _VERDICTS.get(verdicts[0], ChangeVerdict.UNCLEAR) if same else ChangeVerdict.UNCLEAR
        elif said:
            verdict = ChangeVerdict.ACCEPTED if SplitStatus.ACCEPTED in said else ChangeVerdict.REFUSED
        else:
            verdict = ChangeVerdict.PARTLY
        lines = ack.lines if verdict is ChangeVerdict.PARTLY else ()
        reason = ack.reason or ", ".join(sorted(set(verdicts)) if verdict is ChangeVerdict.UNCLEAR else ())
        yield ChangeAck(
            po_number=ack.po_number, revision=ack.revision, verdict=verdict, lines=lines, reason=plain_words(reason)
        )
        if ack.lines and verdict in {ChangeVerdict.ACCEPTED, ChangeVerdict.PARTLY}:
            yield ack.model_copy(update={"accepted": True})

    def _split(self, po_number: str, row: Row) -> Split | None:
        status = self._status(row)
        quantity = self._number(row, "quantity")
        if status is None or quantity is None:
            unknown = f"has the status {row['status']!r}, which cannot be read"
            wrong = unknown if status is None else f"has the quantity {self._no_number(row, 'quantity')}"
            self._ask(po_number, row, wrong)
            return None
        if not self._same_unit(po_number, row):
            return None
        price = read_number(row["unit_price"], self._partner, MOST_MONEY) if row["unit_price"] else None
        if row["unit_price"] and price is None:
            self._issues.add(f"row {row.number}: the unit_price {self._no_number(row, 'unit_price')}")
        return Split(
            status=status,
            quantity=quantity,
            ship_on=self._day(row, "ship_on"),
            deliver_on=self._day(row, "deliver_on"),
            unit_price=price,
            currency=currency_code(row["currency"], self._issues),
            substitute=name(row["substitute"]),
            reason=plain_words(row["reason"]),
        )

    def _ship_notice(self, po_number: str, of_one: Sequence[Row]) -> Iterable[SupplierEvent]:
        purpose = PURPOSES.get(of_one[0]["purpose"].casefold())
        if purpose is None:
            self._ask(po_number, of_one[0], f"has the purpose {of_one[0]['purpose']!r}, which cannot be read")
            return ()
        cancels = purpose is NoticePurpose.CANCEL
        told = [row for row in of_one if not cancels or _line(row) or row["quantity"]]
        lines = tuple(line for row in told if (line := self._notice_line(po_number, row)))
        if not lines and (told or not cancels):
            return ()
        return (
            ShipNotice(
                po_number=po_number,
                shipment_id=self._id(of_one[0], "shipment_id"),
                lines=lines,
                tracking=next(filter(None, (name(row["tracking"]) for row in of_one)), None),
                purpose=purpose,
            ),
        )

    def _notice_line(self, po_number: str, row: Row) -> NoticeLine | None:
        shipped, ref = self._number(row, "quantity"), _line(row)
        if shipped is None or ref is None:
            wrong = "names no line" if ref is None else f"ships the quantity {self._no_number(row, 'quantity')}"
            self._ask(po_number, row, wrong)
            return None
        if not self._same_unit(po_number, row):
            return None
        if row["balance"].casefold() not in BALANCES:
            self._issues.add(f"row {row.number}: the balance {row['balance']!r} is not known")
        balance = BALANCES.get(row["balance"].casefold(), BALANCES["unknown"])
        return NoticeLine(line=ref, shipped=shipped, deliver_on=self._day(row, "deliver_on"), balance=balance)

    def _receipt(self, po_number: str, of_one: Sequence[Row]) -> Iterable[SupplierEvent]:
        lines = tuple(line for row in of_one if (line := self._received_line(po_number, row)))
        if not lines:
            return ()
        closes = any(row["closes"].casefold() in YES for row in of_one)
        return (
            Received(po_number=po_number, receipt_id=self._id(of_one[0], "receipt_id"), lines=lines, closes=closes),
        )

    def _received_line(self, po_number: str, row: Row) -> ReceivedLine | None:
        ref = _line(row)
        columns = {"good": "good" if row["good"] else "quantity", "damaged": "damaged", "wrong": "wrong"}
        counts: dict[str, Decimal | None] = {
            condition: self._number(row, column) if row[column] else Decimal(0) for condition, column in columns.items()
        }
        good, damaged, wrong = counts["good"], counts["damaged"], counts["wrong"]
        if ref is None:
            self._ask(po_number, row, "says that something arrived, and names no line")
            return None
        if good is None or damaged is None or wrong is None:
            unread = next(columns[condition] for condition, count in counts.items() if count is None)
            self._ask(po_number, row, f"says that something arrived: {unread} is {self._no_number(row, unread)}")
            return None
        if not self._same_unit(po_number, row):
            return None
        return ReceivedLine(line=ref, good=good, damaged=damaged, wrong=wrong)

    def _status(self, row: Row) -> SplitStatus | None:
        said = row["status"].casefold()
        return self._partner.statuses.get(said) or STATUSES.get(said.replace("_", " "))

    def _number(self, row: Row, column: str) -> Decimal | None:
        return read_number(row[column], self._partner, MOST_UNITS)

    def _no_number(self, row: Row, column: str) -> str:
        """What stands there, and why it counts as no number."""
        return f"{row[column]!r}, {why_no_number(row[column], self._partner)}"

    def _day(self, row: Row, column: str) -> date | None:
        written = row[column]
        return promised_day(read_day(written, self._partner), written, f"row {row.number}, {column}", self._issues)

    def _id(self, row: Row, column: str) -> str:
        found = name(row[column])
        if found is None:
            self._issues.add(f"row {row.number}: {column} is missing; the file's content stands for it")
        return found or f"file-{self._digest}"

    def _same_unit(self, po_number: str, row: Row) -> bool:
        same = self._units.same(row["unit"])
        if not same:
            self._ask(po_number, row, f"counts in {row['unit']!r}, and {self._units.ordered_in} is ordered")
        return same

    def _ask(self, po_number: str | None, row: Row, what: str) -> None:
        said = plain_words(
            f"{po_number or 'A file'}: row {row.number} of the supplier {what}. Ask them what they mean."
        )
        self._incidents.append(Unmatched(po_number=po_number, what=said))


def _line(row: Row) -> LineRef | None:
    """What names the line. Of an item that does not say whose number it is, ours is meant if nothing else is said."""
    line_no, sku, supplier_sku = line_number(row["line_no"]), name(row["sku"]), name(row["supplier_sku"])
    if line_no is None and sku is None and supplier_sku is None:
        item = name(row["item"])
        return LineRef(sku=item) if item else None
    return LineRef(line_no=line_no, sku=sku, supplier_sku=supplier_sku)
