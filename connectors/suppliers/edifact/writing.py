"""ORDERS and ORDCHG, written to the limits of D.96A, which later directories only widen."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from decimal import Decimal

from connectors.errors import Refused, Unsupported
from connectors.suppliers.edifact.charset import encoded, exact, wording
from connectors.suppliers.edifact.partner import Address, EdifactPartner
from connectors.suppliers.edifact.responses import CHANGE_MARK
from connectors.suppliers.edifact.syntax import written
from connectors.suppliers.interface import Cancel, Change, OrderLine, Place, Request, WireIds

_IDENTIFIER = 35
"""Characters of a document number (1004), a reference (1154), an item number (7140)."""

_DESCRIPTION = 35
"""Characters of one 7008; an IMD has two of them."""

_MOST_IMD = 25
"""In one line."""

_FTX = 70
"""Characters of one 4440; an FTX has five of them."""

_DIGITS = 15
"""Of a quantity (6060) or price (5118); sign and decimal mark do not count."""

_MOST_LINES = 200_000
_CONTROL_DIGITS = 14
"""Of 0020."""

ADDED, DELETED, CHANGED = "1", "2", "3"
"""LIN 1229 in an ORDCHG."""


def interchange(messages: Sequence[str], count: int, partner: EdifactPartner, ids: WireIds, *, ask: bool) -> bytes:
    """Segments of messages in an envelope of ours.

    Args:
        messages: all segments, UNH to UNT.
        count: of messages.
        partner: the profile.
        ids: control number and time.
        ask: whether a CONTRL is asked for.

    Raises:
        Refused: the control number is too large.
    """
    reference = str(ids.control_number)
    if len(reference) > _CONTROL_DIGITS:
        raise Refused(f"control number {reference} has more than {_CONTROL_DIGITS} digits; begin anew at 1")
    at = ids.written_at.astimezone(UTC)
    day = f"{at:%Y%m%d}" if partner.syntax_version >= 4 else f"{at:%y%m%d}"
    unb = written(
        "UNB",
        (partner.charset, str(partner.syntax_version)),
        (partner.our_id, partner.our_qualifier),
        (partner.partner_id, partner.partner_qualifier),
        (day, f"{at:%H%M}"),
        reference,
        "",
        partner.application_reference,
        "",
        "1" if ask else "",
        "",
        "1" if partner.test else "",
    )
    text = "".join(("UNA:+.? '", unb, *messages, written("UNZ", str(count), reference)))
    return encoded(text, partner.charset)


def written_request(request: Request, partner: EdifactPartner, ids: WireIds) -> bytes:
    """The document of a request. Raises: Unsupported, Refused."""
    kind = "ORDERS" if isinstance(request, Place) else "ORDCHG"
    body = list(_body(request, partner, ids))
    version, release = partner.directory.split(".")
    header = written("UNH", "1", (kind, version, release, "UN", partner.association_code))
    trailer = written("UNT", str(len(body) + 2), "1")
    return interchange([header, *body, trailer], 1, partner, ids, ask=partner.contrl_wanted)


def _body(request: Request, partner: EdifactPartner, ids: WireIds) -> Iterator[str]:
    number = exact(request.po_number, "the order number", charset=partner.charset, most=_IDENTIFIER)
    today = ids.written_at.astimezone(UTC).strftime("%Y%m%d")
    match request:
        case Place():
            dates = {line.wanted_on for line in request.lines}
            wanted = dates.pop() if len(dates) == 1 else None
            yield written("BGM", "220", number, "9")
            yield written("DTM", ("137", request.ordered_on.strftime("%Y%m%d"), "102"))
            if wanted:
                yield written("DTM", ("2", f"{wanted:%Y%m%d}", "102"))
            yield from _words(partner.terms_qualifier, request.terms, partner)
            yield from _parties(partner)
            yield from _currency(request, partner)
            yield from _lines(request.lines, {}, "", partner)
        case Change():
            if not partner.changes:
                raise Unsupported("this partner takes no changes of a placed order")
            yield from _change_header(request, "4", "", partner, today)
            yield from _currency(request.order, partner)
            actions = {line.line_no: _action(line, request, partner) for line in request.lines}
            yield from _lines(request.lines, actions, CHANGED, partner)
        case Cancel():
            if not partner.cancellations:
                raise Unsupported("this partner takes no cancellations")
            yield from _change_header(request, "1", request.reason, partner, today)
            yield from _currency(request.order, partner)
            yield written("UNS", "S")
            yield written("CNT", ("2", "0"))


def _action(line: OrderLine, change: Change, partner: EdifactPartner) -> str:
    if line.line_no not in change.before:
        if not partner.added_lines:
            raise Unsupported(f"this partner takes no new lines on a placed order (line {line.line_no})")
        return ADDED
    return CHANGED if line.quantity else DELETED


def _change_header(
    request: Change | Cancel, function: str, reason: str, partner: EdifactPartner, today: str
) -> Iterator[str]:
    """A change has a number of its own, by which an answer can name it; the order is in RFF+ON."""
    own = f"{request.po_number}{CHANGE_MARK}{request.revision}"
    own = exact(own, "the order number with the revision", charset=partner.charset, most=_IDENTIFIER)
    yield written("BGM", "230", own, function)
    yield written("DTM", ("137", today, "102"))
    yield from _words("AAI", reason, partner)
    yield written("RFF", ("ON", request.po_number))
    yield from _parties(partner)


def _parties(partner: EdifactPartner) -> Iterator[str]:
    agency = "9" if partner.our_qualifier == "14" else "92"
    yield _party("BY", partner.buyer, partner.our_id, agency)
    agency = "9" if partner.partner_qualifier == "14" else "91"
    yield _party("SU", partner.seller, partner.partner_id, agency)
    if partner.deliver_to is not None:
        yield _party("DP", partner.deliver_to, "", "")


def _party(role: str, address: Address | None, party_id: str, agency: str) -> str:
    if address is None:
        return written("NAD", role, (party_id, "", agency))
    identification = (address.id, "", address.agency) if address.id else ()
    place = (address.city, "", address.postcode, address.country)
    return written("NAD", role, identification, "", address.name, address.street, *place)


def _currency(order: Place | None, partner: EdifactPartner) -> Iterator[str]:
    if order is not None:
        yield written("CUX", ("2", exact(order.currency, "the currency", charset=partner.charset, most=3), "9"))


def _words(qualifier: str, text: str, partner: EdifactPartner) -> Iterator[str]:
    """Text for people, cut at blanks into the components of one FTX; what is longer than that is left out."""
    pieces = _pieces(wording(text, partner.charset), _FTX)[:5]
    if pieces:
        yield written("FTX", qualifier, "", "", tuple(pieces))


def _lines(lines: Sequence[OrderLine], actions: dict[int, str], default: str, partner: EdifactPartner) -> Iterator[str]:
    if not lines:
        raise Refused("an order or change without lines cannot be written")
    if len(lines) > _MOST_LINES:
        raise Refused(f"the order has {len(lines)} lines, and EDIFACT carries {_MOST_LINES}")
    if len({line.line_no for line in lines}) < len(lines):
        raise Refused("each line needs a number of its own; two lines have the same")
    for line in lines:
        yield from _line(line, actions.get(line.line_no, default), partner)
    yield written("UNS", "S")
    yield written("CNT", ("2", str(len(lines))))


def _line(line: OrderLine, action: str, partner: EdifactPartner) -> Iterator[str]:
    what = f"line {line.line_no}"
    if not 0 < line.line_no < 10**6:
        raise Refused(f"{what}: EDIFACT carries line numbers from 1 to 999999")
    ours = exact(line.sku, f"{what}: the SKU", charset=partner.charset, most=_IDENTIFIER)
    if line.supplier_sku:
        theirs = exact(line.supplier_sku, f"{what}: the supplier's SKU", charset=partner.charset, most=_IDENTIFIER)
        yield written("LIN", str(line.line_no), action, (theirs, partner.their_item_qualifier))
        yield written("PIA", "1", (ours, partner.our_item_qualifier))
    else:
        yield written("LIN", str(line.line_no), action, (ours, partner.our_item_qualifier))
    pieces = _pieces(wording(line.description, partner.charset), _DESCRIPTION)[: 2 * _MOST_IMD]
    for n in range(0, len(pieces), 2):
        yield written("IMD", "F", "", ("", "", "", *pieces[n : n + 2]))
    if action != DELETED:
        if line.quantity < 1 or len(str(line.quantity)) > _DIGITS:
            raise Refused(f"{what}: a quantity of {line.quantity} cannot be written")
        yield written("QTY", ("21", str(line.quantity), partner.unit))
    if line.wanted_on is not None:
        yield written("DTM", ("2", f"{line.wanted_on:%Y%m%d}", "102"))
    yield written("PRI", (partner.price_qualifier, _price(line.unit_price, what)))


def _price(price: Decimal, what: str) -> str:
    text = format(abs(price), "f")
    if not price.is_finite() or price < 0 or len(text.replace(".", "")) > _DIGITS:
        raise Refused(f"{what}: a price of {price} cannot be written; EDIFACT carries {_DIGITS} digits")
    return text


def _pieces(words: str, most: int) -> list[str]:
    """Words in pieces that give them back when joined by blanks; a word longer than a piece is cut where it must be."""
    pieces: list[str] = []
    while len(words) > most:
        cut = words.rfind(" ", 0, most + 1)
        pieces.append(words[: cut if cut > 0 else most])
        words = words[cut + 1 if cut > 0 else most :]
    return [*pieces, words] if words else pieces
