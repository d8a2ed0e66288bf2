"""EDIFACT as one partner uses it: requests to bytes, bytes to events, and what is owed for them."""

from connectors.errors import Refused, Undecodable
from connectors.suppliers.edifact.charset import exact
from connectors.suppliers.edifact.hints import read_hint
from connectors.suppliers.edifact.interchange import (
    Interchange,
    Message,
    Party,
    dedupe_key,
    first_header,
    read_interchanges,
)
from connectors.suppliers.edifact.notices import read_notice, read_receipt
from connectors.suppliers.edifact.partner import EdifactPartner
from connectors.suppliers.edifact.responses import read_response
from connectors.suppliers.edifact.syntax_reports import only_reports, read_report, report
from connectors.suppliers.edifact.writing import interchange, written_request
from connectors.suppliers.interface import (
    FILE_NAME,
    CancelWay,
    Capabilities,
    Change,
    Decoded,
    Envelope,
    Idempotency,
    Inward,
    Place,
    Reply,
    Request,
    WireIds,
)
from connectors.suppliers.issues import Issues
from connectors.words import LONGEST_NAME, plain_words
from domain.supplier_events import SupplierEvent

CONTENT_TYPE = "application/EDIFACT"
"""RFC 1767."""


class EdifactCodec:
    """The `edifact` format with one partner's profile."""

    capabilities: Capabilities

    def __init__(self, partner: EdifactPartner) -> None:
        """Take the profile, of which the capabilities follow."""
        self._partner = partner
        self.capabilities = Capabilities(
            reduce_line=partner.changes,
            add_line=partner.changes and partner.added_lines,
            cancel=CancelWay.REQUEST_REPLY if partner.cancellations else CancelWay.NONE,
            idempotency=Idempotency.CONTROL_NUMBER,
            syntax_ack=partner.contrl_wanted,
            acknowledges=partner.contrl_owed != "never",
            splits=True,
            multi_po_notice=True,
            balance_known=partner.rest_after_shipment != "unknown",
            prices=True,
            test_mode=True,
        )

    def render(self, request: Request, ids: WireIds) -> Envelope:
        """Write an ORDERS or ORDCHG. Raises: Unsupported, Refused."""
        kind = "place" if isinstance(request, Place) else "change" if isinstance(request, Change) else "cancel"
        return Envelope(
            operation_id=ids.operation_id,
            po_number=request.po_number,
            kind=kind,
            revision=0 if isinstance(request, Place) else request.revision,
            content_type=CONTENT_TYPE,
            body=written_request(request, self._partner, ids),
            headers={FILE_NAME: _file_name("ORDERS" if isinstance(request, Place) else "ORDCHG", ids)},
        )

    def decode(self, message: Inward) -> Decoded:
        """Read a document. Raises: Undecodable, and nothing else, whatever the bytes."""
        issues = Issues()
        found = read_interchanges(message.body, issues)
        events: list[SupplierEvent] = []
        for one in found:
            if wrong := self._misdirected(one):
                issues.add(wrong)
            for n, inner in enumerate(one.messages, 1):
                called = plain_words(f"{one.sender.id}/{one.reference}/{inner.reference or n}")[:LONGEST_NAME]
                events += self._read(inner, called, issues)
        return Decoded(dedupe_key=dedupe_key(found, message.body, issues), events=tuple(events), issues=issues.told())

    def addressed(self, message: Inward) -> None:
        """Check that a document is from this partner, for us, and no test unless tests are set.

        Raises:
            Undecodable: it is not. Bytes that cannot be read pass, since `decode` says what is wrong with them.
        """
        try:
            found = read_interchanges(message.body, Issues())
        except Undecodable:
            return
        for one in found:
            if wrong := self._misdirected(one):
                raise Undecodable(wrong)

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        """A CONTRL for what they sent, if one is owed: read, or not. None to others, and without a readable UNB."""
        if self._partner.contrl_owed == "never":
            return None
        read = True
        try:
            found = read_interchanges(message.body, Issues())
        except Undecodable:
            read = False
            try:
                found = [first_header(message.body)]
            except Undecodable:
                return None
        owed = [one for one in found if self._owes(one)]
        if not owed:
            return None
        reports = [report(str(n), self._partner.contrl_version, one, read=read) for n, one in enumerate(owed, 1)]
        messages = [segment for segments in reports for segment in segments]
        try:
            body = interchange(messages, len(owed), self._partner, ids, ask=False)
        except Refused:
            return None
        return Reply(content_type=CONTENT_TYPE, body=body, headers={FILE_NAME: _file_name("CONTRL", ids)})

    def _owes(self, one: Interchange) -> bool:
        """Whether a CONTRL must and can be written: to this partner, about no CONTRL, with its names as they are."""
        if self._misdirected(one) or only_reports(one.messages):
            return False
        if not (one.asks_acknowledgement or self._partner.contrl_owed == "always"):
            return False
        qualifiers = filter(None, (one.sender.qualifier, one.recipient.qualifier))
        try:
            for value, most in ((one.reference, 14), *((qualifier, 4) for qualifier in qualifiers)):
                exact(value, "a name in UNB", charset=self._partner.charset, most=most)
        except Refused:
            return False
        return True

    def _misdirected(self, one: Interchange) -> str:
        """What is wrong with its addresses, or nothing. A qualifier that is left out is no other one."""
        partner = self._partner
        ways = (
            ("from", one.sender, Party(partner.partner_id, partner.partner_qualifier)),
            ("for", one.recipient, Party(partner.our_id, partner.our_qualifier)),
        )
        for way, named, meant in ways:
            if named.id != meant.id or (named.qualifier and meant.qualifier and named.qualifier != meant.qualifier):
                said, should = ":".join(filter(None, named)), ":".join(filter(None, meant))
                return plain_words(f"the interchange is {way} {said or 'nobody'}, and should be {way} {should}")
        if one.test != partner.test:
            return "the interchange is a test, and we work for real" if one.test else "the interchange is no test"
        return ""

    def _read(self, message: Message, called: str, issues: Issues) -> list[SupplierEvent]:
        match message.kind:
            case "ORDRSP":
                return read_response(message.segments, self._partner, issues)
            case "DESADV":
                return read_notice(message.segments, called, self._partner, issues)
            case "RECADV" if self._partner.receipts:
                return read_receipt(message.segments, called, self._partner, issues)
            case "CONTRL":
                return read_report(message.segments, issues)
            case kind:
                return read_hint(kind, message.segments, issues)


def _file_name(kind: str, ids: WireIds) -> str:
    """Sorted by control number, and the same for the same document."""
    return f"{ids.control_number:014d}-{kind}.edi"
