"""Suppliers who exchange documents: a codec that knows the format, a transport that carries it, a profile of habits.

    X12Connector = X12Codec(partner profile) + Folder | Sftp | Https

A codec is pure. A transport knows no format: it takes bytes with a file name, and brings bytes. The profile is data,
read with the codec's own pydantic model: identifiers, delimiters, and what the partner means by ambiguous codes.
AS2, VAN and Peppol are met through a gateway that speaks them and exchanges files with us in a folder.
"""

from typing import Protocol

from connectors.suppliers.interface import (
    Batch,
    Capabilities,
    Decoded,
    Envelope,
    Health,
    Idempotency,
    Inbound,
    Inward,
    LookupStatus,
    Reply,
    Request,
    SendReceipt,
    WireIds,
)


class Codec(Protocol):
    """One document format, as one partner uses it."""

    capabilities: Capabilities
    """What the format and the partner's profile allow, apart from how documents travel."""

    def render(self, request: Request, ids: WireIds) -> Envelope:
        """Write a request, with the file name under `FILE_NAME` in its headers. Raises: Unsupported, Refused."""
        ...

    def decode(self, message: Inward) -> Decoded:
        """Read a document. Raises: Undecodable, and nothing else, whatever the bytes."""
        ...

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        """What the format owes for a document, readable or not."""
        ...

    def addressed(self, message: Inward) -> None:
        """Check that a document is from this partner and for us, as far as it can be read. Raises: Undecodable."""
        ...


class Transport(Protocol):
    """How documents get to a partner and from it."""

    inbound: frozenset[Inbound]
    finds: bool
    """It can tell whether a document was handed over before."""

    async def check(self) -> Health:
        """Try it, changing nothing."""
        ...

    async def send(self, envelope: Envelope) -> SendReceipt:
        """Hand stored bytes over, again if need be: the same file name again is the same document.

        Raises:
            Retryable: nothing was handed over.
        """
        ...

    async def find(self, envelope: Envelope) -> LookupStatus:
        """Whether the document was handed over. Raises: Retryable, Unsupported."""
        ...

    async def poll(self, cursor: str | None) -> Batch:
        """Documents that wait, oldest first; those that the cursor names are stored by now, and are put away.

        Raises: Retryable, Unsupported.
        """
        ...

    def verify(self, message: Inward) -> None:
        """Check that a message that came through our own door was sent by the partner. Raises: Undecodable."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class DocumentConnector:
    """A codec and a transport, as one connector. A subclass gives the manifest and builds the two."""

    capabilities: Capabilities

    def __init__(self, supplier_id: str, codec: Codec, transport: Transport) -> None:
        """Join the two; what the connector can do is what both can."""
        self._supplier_id = supplier_id
        self._codec = codec
        self._transport = transport
        its = codec.capabilities
        # What the transport finds it does not hand over twice, even to a partner who would take it for two orders.
        told_twice = Idempotency.KEY if its.idempotency is Idempotency.NONE and transport.finds else its.idempotency
        self.capabilities = its.model_copy(
            update={
                "idempotency": told_twice,
                "lookup": transport.finds,
                "poll": Inbound.POLL in transport.inbound,
                "inbound": transport.inbound,
            }
        )

    async def check(self) -> Health:
        """Try the transport, changing nothing."""
        return await self._transport.check()

    def render(self, request: Request, ids: WireIds) -> Envelope:
        """Pure: the same request and ids give the same bytes anywhere. Raises: Unsupported, Refused (unwritable)."""
        return self._codec.render(request, ids)

    async def send(self, envelope: Envelope) -> SendReceipt:
        """Send stored bytes. Raises: Retryable only if nothing can have reached the supplier."""
        return await self._transport.send(envelope)

    async def lookup(self, envelope: Envelope) -> LookupStatus:
        """Ask the transport whether the document was handed over. Raises: Retryable, Unsupported."""
        return await self._transport.find(envelope)

    async def poll(self, cursor: str | None) -> Batch:
        """Fetch what waits. Raises: Retryable, Unsupported."""
        return await self._transport.poll(cursor)

    def verify(self, message: Inward) -> None:
        """Check who sent it, and to whom. Raises: Undecodable."""
        self._transport.verify(message)
        self._codec.addressed(message)

    def decode(self, message: Inward) -> Decoded:
        """Pure: raw message to events. Raises: Undecodable, and nothing else, whatever the bytes."""
        self._codec.addressed(message)  # what is collected comes through no door that would have asked
        return self._codec.decode(message)

    def acknowledge(self, message: Inward, ids: WireIds) -> Reply | None:
        """Pure: what the format owes for a message."""
        return self._codec.acknowledge(message, ids)

    async def aclose(self) -> None:
        """Close connections."""
        await self._transport.aclose()
