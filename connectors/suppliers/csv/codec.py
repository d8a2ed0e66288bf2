"""The CSV codec: order files out, answer files in. CSV has no word for "I could read it", so none is owed."""

from connectors.errors import Undecodable, Unsupported
from connectors.suppliers.csv.answers import decoded
from connectors.suppliers.csv.order_files import order_envelope
from connectors.suppliers.csv.profile import CsvPartner
from connectors.suppliers.csv.tables import rows
from connectors.suppliers.interface import (
    Cancel,
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
from connectors.words import plain_words


class CsvCodec:
    """CSV as one partner uses it."""

    def __init__(self, partner: CsvPartner) -> None:
        """The partner's habits say what it takes."""
        self._partner = partner
        self.capabilities = Capabilities(
            reduce_line=partner.changes,
            add_line=partner.changes and partner.added_lines,
            cancel=CancelWay.REQUEST_REPLY if partner.cancellations else CancelWay.NONE,
            idempotency=Idempotency.PO_NUMBER if partner.knows_orders_by_number else Idempotency.NONE,
            splits=True,
            multi_po_notice=True,
            balance_known=True,
            prices=True,
            test_mode=True,
        )

    def render(self, request: Request, ids: WireIds) -> Envelope:
        """Write a request's file. Raises: Unsupported, Refused."""
        match request:
            case Change():
                if not self.capabilities.reduce_line:
                    raise Unsupported("this partner takes no changes of a placed order")
                new = [line.line_no for line in request.lines if line.line_no not in request.before]
                if request.before and new and not self.capabilities.add_line:
                    raise Unsupported(f"this partner takes no new lines on a placed order: {new}")
            case Cancel():
                if self.capabilities.cancel is CancelWay.NONE:
                    raise Unsupported("this partner takes no cancellations")
            case Place():
                pass
        buyer, supplier = self._partner.buyer, self._partner.supplier
        return order_envelope(request, ids, self._partner, buyer=buyer, supplier=supplier)

    def decode(self, message: Inward) -> Decoded:
        """Read a file. Raises: Undecodable, and nothing else, whatever the bytes."""
        return decoded(message.body, self._partner)

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        """Nothing is owed."""
        del message, ids
        return None

    def addressed(self, message: Inward) -> None:
        """Check the columns buyer and supplier, as far as both the file and the profile have them.

        Raises:
            Undecodable: a row is for somebody else, or from somebody else.
        """
        try:
            table = rows(message.body, self._partner, Issues())
        except Undecodable:
            return  # `decode` says why it cannot be read
        for column, who in (("buyer", self._partner.buyer), ("supplier", self._partner.supplier)):
            for row in table:
                if who and row[column] and row[column].casefold() != who.casefold():
                    wrong = f"row {row.number} names the {column} {row[column]!r}, and not {who!r}"
                    raise Undecodable(plain_words(wrong))
