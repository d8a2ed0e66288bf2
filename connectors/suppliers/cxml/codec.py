"""The cXML codec: OrderRequest out; confirmations, ship notices and status updates in; a Response at once."""

from connectors.errors import Unsupported
from connectors.suppliers.cxml.order_writing import order_document
from connectors.suppliers.cxml.profile import CxmlPartner
from connectors.suppliers.cxml.reading import addressed, decoded, owed
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


class CxmlCodec:
    """cXML as one partner uses it."""

    def __init__(self, partner: CxmlPartner) -> None:
        """The partner's habits say what it takes."""
        self._partner = partner
        self.capabilities = Capabilities(
            reduce_line=partner.updates,
            add_line=partner.updates and partner.added_lines,
            cancel=CancelWay.REQUEST_REPLY if partner.deletes else CancelWay.NONE,
            idempotency=Idempotency.KEY,
            acknowledges=True,
            splits=True,
            multi_po_notice=True,
            balance_known=partner.says_balance,
            prices=True,
            test_mode=True,
        )

    def render(self, request: Request, ids: WireIds) -> Envelope:
        """Write a request. Raises: Unsupported, Refused (unwritable)."""
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
        return order_document(request, ids, self._partner)

    def decode(self, message: Inward) -> Decoded:
        """Read a document. Raises: Undecodable, and nothing else, whatever the bytes."""
        return decoded(message, self._partner)

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        """The Response to a document, readable or not."""
        return owed(message, ids, self._partner)

    def addressed(self, message: Inward) -> None:
        """Check From, To, Sender and the sender's secret. Raises: Undecodable."""
        addressed(message, self._partner)
