"""X12 as a codec: requests to documents, documents to events, and what is owed for them. Pure."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from connectors.errors import Undecodable
from connectors.suppliers.interface import (
    FILE_NAME,
    CancelWay,
    Capabilities,
    Decoded,
    Envelope,
    Idempotency,
    Inward,
    Reply,
    Request,
    WireIds,
)
from connectors.suppliers.issues import Issues
from connectors.suppliers.x12.acknowledging import acknowledgement
from connectors.suppliers.x12.answers import change_answer, order_answer
from connectors.suppliers.x12.hints import invoice, order_status, stock
from connectors.suppliers.x12.partner import X12Partner
from connectors.suppliers.x12.reading import Reading, Unreadable
from connectors.suppliers.x12.ship_notices import ship_notice
from connectors.suppliers.x12.syntax import Body, Interchange, TransactionSet, read
from connectors.suppliers.x12.syntax_answers import functional, of_interchange
from connectors.suppliers.x12.wire import CONTENT_TYPE
from connectors.suppliers.x12.writing import file_name, written
from connectors.words import ASTRAY, plain_words
from domain.supplier_events import SupplierEvent, Unmatched

_READERS: dict[str, Callable[[Reading], list[SupplierEvent]]] = {
    "855": order_answer,
    "865": change_answer,
    "856": ship_notice,
    "846": stock,
    "870": order_status,
    "810": invoice,
    "997": functional,
    "999": functional,
}
_ORDERS_US = frozenset({"850", "860"})


class _Read(NamedTuple):
    """What a file says."""

    events: list[SupplierEvent]
    unread: set[TransactionSet]


class X12Codec:
    """One partner's X12."""

    capabilities: Capabilities

    def __init__(self, partner: X12Partner) -> None:
        """Take the profile."""
        self._partner = partner
        self.capabilities = Capabilities(
            reduce_line=partner.line_changes,
            add_line=partner.line_changes and partner.added_lines,
            cancel=CancelWay.NONE if partner.cancellation == "none" else CancelWay.REQUEST_REPLY,
            idempotency=Idempotency.CONTROL_NUMBER,
            syntax_ack=partner.sends_997 or partner.sends_ta1,
            acknowledges=partner.wants_997 or partner.wants_ta1,
            splits=True,
            multi_po_notice=True,
            balance_known=True,
            prices=True,
            test_mode=True,
        )

    def render(self, request: Request, ids: WireIds) -> Envelope:
        """Write a request. Raises: Unsupported (the partner does not take it), Refused (X12 cannot carry it)."""
        return written(self._partner, request, ids)

    def decode(self, message: Inward) -> Decoded:
        """Read a document. Raises: Undecodable, and nothing else, whatever the bytes.

        A document that ends in the midst of a set is not read at all: lines that were lost would pass for accepted.
        """
        issues = Issues()
        interchanges = read(message.body, issues)
        found = self._read(interchanges, issues)
        return Decoded(
            dedupe_key=_dedupe_key(interchanges, message.body),
            events=tuple(found.events),
            issues=issues.told(),
        )

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        """The 997 or TA1 that is owed; None for what is not from this partner, or cannot be traced to it."""
        issues = Issues()
        try:
            self.addressed(message)
            interchanges = read(message.body, issues)
        except Undecodable:
            return None
        try:
            unread, taken = self._read(interchanges, issues).unread, True
        except Undecodable:
            unread, taken = set[TransactionSet](), False
        body = acknowledgement(self._partner, ids, interchanges, unread, taken=taken)
        if body is None:
            return None
        code = "997" if self._partner.wants_997 else "TA1"
        return Reply(content_type=CONTENT_TYPE, body=body, headers={FILE_NAME: file_name(self._partner, ids, code)})

    def addressed(self, message: Inward) -> None:
        """Check that each interchange is from this partner, for us, and as live as the profile says.

        Raises:
            Undecodable: one is not. Bytes that cannot be read pass: `decode` says what is wrong with them.
        """
        try:
            interchanges = read(message.body, Issues())
        except Undecodable:
            return
        for interchange in interchanges:
            self._addressed(interchange)

    def _addressed(self, interchange: Interchange) -> None:
        sender, receiver = interchange.header.at(6), interchange.header.at(8)
        usage = interchange.header.at(15)
        if sender.casefold() != self._partner.partner_id.casefold():
            raise Undecodable(plain_words(f"it is from {sender!r} (ISA06), not from {self._partner.partner_id!r}"))
        if receiver.casefold() != self._partner.our_id.casefold():
            raise Undecodable(plain_words(f"it is for {receiver!r} (ISA08), not for {self._partner.our_id!r}"))
        if usage in {"T", "P"} and usage != self._partner.usage:
            kinds = {"T": "test", "P": "live"}
            wrong = f"it is a {kinds[usage]} document (ISA15 = {usage}), and this partner is set up for"
            raise Undecodable(f"{wrong} {kinds[self._partner.usage]} ones; nothing of it is done")

    def _read(self, interchanges: list[Interchange], issues: Issues) -> _Read:
        """Everything that a file says. Raises: Undecodable (nothing of it can be read, or it is cut off)."""
        cut_off = [one for interchange in interchanges for one in interchange.sets() if one.cut_off]
        if cut_off:
            raise Undecodable(plain_words(f"the text ends in the midst of {cut_off[0]}; ask for it again"))
        found = _Read([], set())
        understood = 0
        for interchange in interchanges:
            understood += self._read_answers(interchange, found, issues)
            for group in interchange.groups:
                for one in group.sets:
                    fallback = f"{interchange.control[:20]}/{group.header.at(6)[:20]}/{one.control[:20]}"
                    understood += self._read_set(one, found, issues, fallback)
        if not understood:
            said = issues.told()
            raise Undecodable(plain_words(f"nothing of it can be read: {said[-1] if said else 'it holds no document'}"))
        return found

    def _read_answers(self, interchange: Interchange, found: _Read, issues: Issues) -> int:
        """TA1 segments. Returns how many were understood."""
        if not interchange.answers:
            return 0
        reading = Reading(self._partner, TransactionSet("TA1", interchange.control, Body([], [], "")), issues)
        for ta1 in interchange.answers:
            try:
                found.events.append(of_interchange(reading, ta1))
            except Unreadable as unreadable:
                found.events.append(reading.unmatched(None, str(unreadable)))
        return len(interchange.answers)

    def _read_set(self, one: TransactionSet, found: _Read, issues: Issues, fallback: str) -> int:
        """One set. Returns 1 if it is of a kind that we know."""
        read_set = _READERS.get(one.code)
        if read_set is None:
            one.faults.append("1")
            found.unread.add(one)
            if one.code in _ORDERS_US:
                found.events.append(Unmatched(what=plain_words(f"{one} {ASTRAY}")))
                return 1
            issues.add(f"{one} is of a kind that is not read")
            return 0
        reading = Reading(self._partner, one, issues, fallback)
        try:
            found.events.extend(read_set(reading))
        except Unreadable as unreadable:
            reading.issue(str(unreadable))
            found.unread.add(one)
            found.events.append(reading.unmatched(None, str(unreadable)))
        return 1


def _dedupe_key(interchanges: list[Interchange], body: bytes) -> str:
    """Who sent which interchange with which group and sets (ISA06, ISA13, GS06, ST02), when (ISA09, ISA10), and what.

    The date is in it because partners begin to number anew, and what the sets say because others never count at all,
    and send several in a minute. A repeat of the same content under another envelope is known by its business keys. A
    document without numbers is known by its bytes.
    """
    parts: list[str] = []
    said = hashlib.sha256()
    for interchange in interchanges:
        said.update(repr((interchange.answers, [one.body.text for one in interchange.sets()])).encode(errors="replace"))
        header = interchange.header
        sender, number = header.at(6), header.at(13)
        numbered = [sender, number, header.at(9) + header.at(10)]
        whole = bool(sender and number)
        for group in interchange.groups:
            controls = [one.control for one in group.sets]
            numbered += [group.header.at(6), *controls]
            whole = whole and all(controls)
        if not whole:
            return f"x12/{hashlib.sha256(body).hexdigest()}"
        parts.append("/".join(numbered))
    key = f"x12/{'+'.join(parts)}/{said.hexdigest()[:16]}"
    if len(key) <= 100 and key.isprintable():
        return key
    return f"x12/{hashlib.sha256(key.encode(errors='replace')).hexdigest()}"
