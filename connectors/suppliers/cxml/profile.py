"""What one cXML partner's habits are: identities, secrets, versions, and what it means by what it leaves open."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from connectors.configuration import Address, ConnectorConfig

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""One line that XML can carry; `ConnectorConfig` refuses what cannot be printed."""


PAYLOAD_DOMAIN = "[A-Za-z0-9.-]{1,80}"


def _usable_secret(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if not value or value != value.strip():
        raise ValueError("a shared secret has at least one character, and no blank before or after it")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_usable_secret)]


class Credential(ConnectorConfig):
    """Who somebody is: `Credential/@domain` and `Identity`."""

    domain: Line
    """Such as NetworkId or DUNS."""
    identity: Line


class Site(ConnectorConfig):
    """A ShipTo or BillTo address."""

    name: Line
    address_id: Line | None = None
    """The partner's or our own code for it (`Address/@addressID`)."""
    deliver_to: tuple[Line, ...] = ()
    street: tuple[Line, ...] = Field(min_length=1)
    city: Line
    state: Line | None = None
    postal_code: Line | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    """ISO 3166, two letters."""


class Mode(StrEnum):
    """`Request/@deploymentMode`."""

    TEST = "test"
    PRODUCTION = "production"


class UnsaidRest(StrEnum):
    """What it means that the parts of a confirmed line come to less than the line."""

    DROPPED = "dropped"
    FOLLOWS = "follows"


class RevisionRejected(StrEnum):
    """What ConfirmationHeader/@type `reject` means when it answers an update or a delete."""

    REFUSED = "refused"
    """The order stands as it was before."""
    CANCELLED = "cancelled"
    """The order is taken back as a whole, which is what a delete asks for."""
    UNCLEAR = "unclear"
    """A person asks the partner."""


class CxmlPartner(ConnectorConfig):
    """Settings of one supplier. Any value may be `env:NAME`."""

    url: Address
    """Where OrderRequest documents are posted."""
    ours: Credential
    """Who we are: From in what we send, To in what we get."""
    theirs: Credential
    """Who the supplier is: To in what we send, From in what we get."""
    our_sender: Credential | None = None
    """Sender in what we send, if it is not who we are."""
    their_sender: Credential | None = None
    """Sender in what we get, if it is not the supplier: a network that forwards."""
    outbound_secret: Secret
    """SharedSecret that we send. It is put in when a document leaves, and stored nowhere."""
    inbound_secret: Secret
    """SharedSecret that the sender proves itself with."""
    payload_domain: Annotated[str, StringConstraints(pattern=f"^{PAYLOAD_DOMAIN}$")]
    """What stands after the @ in our payloadIDs, such as shop.example: no other of our installations may have it."""
    deployment_mode: Mode = Mode.PRODUCTION
    version: Annotated[str, StringConstraints(pattern=r"^1\.2\.\d{3}$")] = "1.2.050"
    """The DTD that we name, and write after."""
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}$")] = "en-US"
    """xml:lang of our texts."""
    user_agent: Line = "Promisekeeper"
    timeout_seconds: float = Field(default=30, gt=0, le=300)
    """The longest wait for a connection and for each piece of an answer; a whole exchange gets three times that."""
    response_required: bool = True
    """False: an HTTP 2xx without a cXML Response counts as taken."""
    repeat_codes: frozenset[Annotated[int, Field(ge=400, le=499)]] = frozenset()
    """Status codes by which this partner says that it has a document with this payloadID already, such as 409."""

    updates: bool = True
    """False: this partner takes no OrderRequest of type update."""
    deletes: bool = True
    """False: this partner takes no OrderRequest of type delete."""
    added_lines: bool = False
    """True: an update may bring new lines."""
    unit_of_measure: Line = "EA"
    """The purchase unit, as this partner codes it."""
    same_units: frozenset[Line] = frozenset()
    """Other codes that this partner uses for that unit, such as PCE or C62."""
    classification_domain: Line = "UNSPSC"
    classification: Line = "00000000"
    """Every item must have a Classification; this is what ours say."""
    bill_to: Site
    ship_to: Site | None = None

    unsaid_rest: UnsaidRest = UnsaidRest.DROPPED
    rejected_revision: RevisionRejected = RevisionRejected.UNCLEAR
    item_in_detail_is_substitute: bool = True
    """False: ItemIn in a `detail` status repeats the item that was ordered. By the DTD it offers another."""
    says_balance: bool = False
    """True: ShipNoticeHeader/@fulfillmentType is reliable, and says whether the rest of a line is still to come."""
