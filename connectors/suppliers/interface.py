"""What a supplier connector is: nine methods, capabilities as data, found by entry point.

`render`, `decode` and `acknowledge` are pure, so they replay, fuzz and golden-test without a network. `send`, `lookup`,
`poll` and `check` are the only I/O; each is called from one activity (or the gateway) and may be called again after a
crash. Bytes are rendered once, stored in the ledger's outbox, and sent as stored, however often.

A connector for documents (X12, EDIFACT, cXML, CSV) is a codec and a transport: see `documents.py`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import ClassVar, Protocol, cast, runtime_checkable

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from connectors.configuration import SettingProblem, problems
from connectors.errors import WronglySetUp
from domain.supplier_events import SupplierEvent
from domain.values import Frozen

ENTRY_POINT_GROUP = "promisekeeper.connectors"


class CancelWay(StrEnum):
    """How a supplier takes cancellations and reductions."""

    NONE = "none"
    API = "api"
    REQUEST_REPLY = "request_reply"
    MANUAL = "manual"


class Idempotency(StrEnum):
    """By what a supplier recognises a repeated order."""

    KEY = "key"
    PO_NUMBER = "po_number"
    CONTROL_NUMBER = "control_number"
    NONE = "none"


class Inbound(StrEnum):
    """How a supplier's messages arrive."""

    WEBHOOK = "webhook"
    POLL = "poll"
    MAIL = "mail"


class Capabilities(Frozen):
    """What can be asked through a connector. What is denied raises `Unsupported`; config may narrow, never widen."""

    reduce_line: bool = False
    add_line: bool = False
    cancel: CancelWay = CancelWay.NONE
    idempotency: Idempotency = Idempotency.NONE
    lookup: bool = False
    poll: bool = False
    inbound: frozenset[Inbound] = frozenset()
    syntax_ack: bool = False
    """The supplier says that it could read a document (997, CONTRL, a cXML Response) before it says what it thinks."""
    acknowledges: bool = False
    """We owe such a word for each of the supplier's documents: `acknowledge` writes it."""
    splits: bool = False
    """A line is answered in parts."""
    multi_po_notice: bool = False
    """One ship notice may speak of several orders."""
    balance_known: bool = False
    """A ship notice says whether the rest of a line is still to come."""
    prices: bool = False
    test_mode: bool = False
    """Documents can be marked as a test, which the supplier reads and does not act on."""


class Grade(StrEnum):
    """What the conformance kit measured of a connector, see `connectors.testing`."""

    BRONZE = "bronze"
    """It sends orders that arrive once and unharmed."""
    SILVER = "silver"
    """It hears whatever is answered, and nothing else."""
    GOLD = "gold"
    """It lives with busy suppliers and crashes; its bytes and real documents are on record."""


class Manifest(Frozen):
    """Who a connector is. `config` is the pydantic model its settings are read with; secrets in it are SecretStr."""

    name: str
    version: str
    protocol: str
    config: type[BaseModel]
    grade: Grade | None = None
    """As its author's run of the kit measured it; the kit fails a run that measures another."""
    by_envelope: Callable[[bytes], Mapping[str, object] | None] | None = None
    """The settings that a document's own envelope tells (from whom, for whom), or None: it is not of this protocol.

    By them `promisekeeper inspect` reads a document of somebody's who is no supplier yet. Nothing else does.
    """


class OrderLine(Frozen):
    """One line to render. Quantity in purchase units, price per purchase unit."""

    line_no: int
    sku: str
    supplier_sku: str
    description: str
    quantity: int
    unit_price: Decimal
    wanted_on: date | None = None


class Place(Frozen):
    """A new purchase order."""

    po_number: str
    supplier_id: str
    currency: str
    terms: str
    ordered_on: date
    lines: tuple[OrderLine, ...]


class Change(Frozen):
    """New quantities for lines of a placed order, or new lines; lines not named stay."""

    po_number: str
    supplier_id: str
    revision: int
    lines: tuple[OrderLine, ...]
    """With the quantity that the supplier is to have on each from now on; 0 takes the line off."""
    before: Mapping[int, int] = Field(default_factory=dict[int, int])
    """By line number, what was on order; a line that is not here is new."""
    order: Place | None = None
    """The whole order as it stands with this change, for formats that restate all of it."""


class Cancel(Frozen):
    """Withdrawal of a whole placed order."""

    po_number: str
    supplier_id: str
    revision: int
    reason: str
    order: Place | None = None
    """The order that is withdrawn, as it last stood, for formats that restate it."""


Request = Place | Change | Cancel


class WireIds(Frozen):
    """What is settled once for one document and stored with its bytes."""

    operation_id: str
    """The idempotency key on the wire: workflow id and step, never random."""
    control_number: int = 1
    """Counts the documents to one supplier, from 1; each number is given once. Formats wrap it at their width."""
    written_at: AwareDatetime = datetime(1970, 1, 1, tzinfo=UTC)
    """When it is written: envelopes carry a date and a time."""


FILE_NAME = "file-name"
"""The header that names the file in which a document travels."""


class Envelope(Frozen):
    """Rendered bytes and how to address them; stored in the outbox and sent exactly as stored."""

    operation_id: str
    po_number: str
    """Empty for an acknowledgement of a message."""
    kind: str
    """place, change, cancel or acknowledge."""
    revision: int
    content_type: str
    body: bytes
    headers: dict[str, str] = Field(default_factory=dict)
    """No secrets: these are stored. Credentials are added by `send`."""


class SendResult(StrEnum):
    """Three outcomes, not two."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class SendReceipt(Frozen):
    """What `send` learned. `events` holds a synchronous business answer, if the supplier gave one."""

    result: SendResult
    reference: str | None = None
    reason: str = ""
    events: tuple[SupplierEvent, ...] = ()


class LookupStatus(Frozen):
    """What `lookup` found for one operation."""

    found: bool
    reference: str | None = None
    events: tuple[SupplierEvent, ...] = ()


class Inward(Frozen):
    """One raw inbound message as it came through a door."""

    body: bytes
    headers: Mapping[str, str]
    """Keys in lower case."""


class Batch(Frozen):
    """What a poll brought, and where to go on next time."""

    messages: tuple[Inward, ...]
    cursor: str | None
    issues: tuple[str, ...] = ()
    """What a person has to mend at the place that was polled, in words, and said by every poll until it is mended."""


class Decoded(Frozen):
    """What an inbound message says."""

    dedupe_key: str
    """The same for every delivery of the same message; unique per supplier."""
    events: tuple[SupplierEvent, ...]
    issues: tuple[str, ...] = ()
    """Damage that was survived, in words."""


class Reply(Frozen):
    """The word that the protocol owes for a message: that it was read, never that anything was agreed to."""

    content_type: str
    body: bytes
    headers: dict[str, str] = Field(default_factory=dict)
    at_once: bool = False
    """True: it goes back in the response to the very request that brought the message, and is not sent by `send`."""

    def enveloped(self, operation_id: str) -> Envelope:
        """As `send` takes it: of no order."""
        return Envelope(
            operation_id=operation_id,
            po_number="",
            kind="acknowledge",
            revision=0,
            content_type=self.content_type,
            body=self.body,
            headers=self.headers,
        )


class Health(Frozen):
    """The connector's own check, in plain words."""

    ok: bool
    detail: str


class Connector(Protocol):
    """One instance per configured supplier."""

    manifest: ClassVar[Manifest]
    capabilities: Capabilities

    def __init__(self, supplier_id: str, config: Mapping[str, object]) -> None:
        """Read the settings, of which `manifest.config` is the model. Raises: pydantic.ValidationError."""
        ...

    async def check(self) -> Health:
        """Try the connection and the credentials, changing nothing."""
        ...

    def render(self, request: Request, ids: WireIds) -> Envelope:
        """Pure: the same request and ids give the same bytes anywhere. Raises: Unsupported, Refused (unwritable)."""
        ...

    async def send(self, envelope: Envelope) -> SendReceipt:
        """Send stored bytes. Raises: Retryable only if nothing can have reached the supplier."""
        ...

    async def lookup(self, envelope: Envelope) -> LookupStatus:
        """Ask whether an operation reached the supplier. Raises: Retryable, Unsupported."""
        ...

    async def poll(self, cursor: str | None) -> Batch:
        """Fetch what has come since `cursor`. Raises: Retryable, Unsupported."""
        ...

    def verify(self, message: Inward) -> None:
        """Check signature, age and addressee. Raises: Undecodable."""
        ...

    def decode(self, message: Inward) -> Decoded:
        """Pure: raw message to events. Raises: Undecodable, and nothing else, whatever the bytes."""
        ...

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        """Pure: what we owe for a message, readable or not (997, TA1, CONTRL, Response); None when nothing is owed."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


@runtime_checkable
class HidesSecrets(Protocol):
    """A connector, besides, whose partner proves itself by a password within the message."""

    def hidden(self, message: Inward) -> Inward:
        """Pure: the message as it may be kept, without the password."""
        ...

    def shown(self, message: Inward) -> Inward:
        """Pure: a message that was kept, as `decode` reads it."""
        ...


@runtime_checkable
class Reminding(Protocol):
    """What a connector has besides if it cannot look an order up, and its supplier, a person, takes reminders."""

    def reminder(self, envelope: Envelope, number: int) -> Envelope:
        """Pure: the reminder of that number, from 1, of what was sent; `send` sends it."""
        ...


@cache
def _entries() -> EntryPoints:
    """What installed packages say they have; looking through all of them takes a while."""
    return entry_points(group=ENTRY_POINT_GROUP)


def installed() -> list[str]:
    """The names of the connectors that are installed."""
    return sorted(entry.name for entry in _entries())


def connector_class(name: str) -> type[Connector]:
    """The connector of that name. Only this one is imported: another that is broken is no hindrance.

    Raises:
        WronglySetUp: none is installed under that name, or it cannot be imported.
    """
    found = _entries().select(name=name)
    if not found:
        raise WronglySetUp(f"no connector {name!r} is installed; there is {', '.join(installed())}")
    try:
        return cast("type[Connector]", next(iter(found)).load())
    except (ImportError, AttributeError) as broken:
        raise WronglySetUp(f"the connector {name!r} cannot be imported ({broken}); install it anew") from broken


def setting_problems(name: str, config: Mapping[str, object]) -> list[SettingProblem]:
    """What is wrong with a supplier's connector and its settings, found without building or calling anything.

    Args:
        name: the connector, as the supplier names it.
        config: its settings, as they stand in the catalogue.
    """
    try:
        connector_class(name).manifest.config.model_validate(dict(config))
    except WronglySetUp as missing:
        return [SettingProblem("connector", str(missing))]
    except ValidationError as refusal:
        return list(problems(refusal, connector_class(name).manifest.config, config))
    return []


def connector_for(name: str, supplier_id: str, config: Mapping[str, object]) -> Connector:
    """Build the connector called `name` for a supplier.

    Raises:
        WronglySetUp: it is not installed, or a setting is wrong; the message names supplier and field, and no value.
    """
    wrong = setting_problems(name, config)
    if not wrong:
        kind = connector_class(name)
        try:
            return kind(supplier_id, config)
        except ValidationError as refusal:  # it asks for more than its settings' own model
            wrong = list(problems(refusal, kind.manifest.config, config))
    raise WronglySetUp(f"supplier {supplier_id!r} is set up wrongly: {'. '.join(map(str, wrong))}")
