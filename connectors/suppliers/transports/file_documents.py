"""A partner met through two folders, wherever they are: our documents put into one, theirs collected from the other.

A document is written under a name that nobody takes (`PO-1.edi.3fa9c1d2.tmp`) and renamed when it is whole, so that no
half document is ever seen, whatever dies. Renaming is the instant of handing over. If nobody can say whether it took
place, the unfinished file is deleted: if that works, it did not, and if there is none any more, it did.
"""

import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress

from connectors.errors import Retryable, Undecodable, Unsupported
from connectors.suppliers.interface import (
    FILE_NAME,
    Batch,
    Envelope,
    Health,
    Inbound,
    Inward,
    LookupStatus,
    SendReceipt,
    SendResult,
)
from connectors.suppliers.transports.collecting import Cursor, Inbox
from connectors.suppliers.transports.configuration import FilesConfig
from connectors.suppliers.transports.files import Files, Place, part_name, shown, words, wrong_name
from connectors.suppliers.transports.trial import tried


class FileDocuments:
    """Documents as files, in one place."""

    def __init__(self, supplier_id: str, config: FilesConfig, place: Place) -> None:
        """Args:
        supplier_id: for messages.
        config: which folders, and how much at once.
        place: this machine or a server.
        """
        self._supplier_id = supplier_id
        self._config = config
        self._place = place
        self.inbound = frozenset({Inbound.POLL}) if config.inbox else frozenset[Inbound]()
        self.finds = config.outbox_archive is not None

    async def check(self) -> Health:
        """Try both directions, leaving nothing behind."""
        return await tried(self._place, self._config)

    async def send(self, envelope: Envelope) -> SendReceipt:
        """Hand stored bytes over, again if need be: the same file name again is the same document.

        Raises:
            Retryable: nothing was handed over.
        """
        name = envelope.headers.get(FILE_NAME, "")
        if wrong := "has no name" if not name else wrong_name(name):
            return SendReceipt(result=SendResult.REFUSED, reason=f"the file {shown(name)} {wrong}")
        with self._named():
            return await self._sent(name, envelope.body)

    async def _sent(self, name: str, body: bytes) -> SendReceipt:
        delivered = SendReceipt(result=SendResult.DELIVERED, reference=name)
        part = f"{self._config.outbox}/{part_name(name)}"
        async with self._place.opened() as files:
            if await self._handed_over(files, name, body):
                return delivered
            try:
                await files.write(part, body)
            except OSError as failure:
                raise await self._taken_back(files, part, failure) from failure
            try:
                await files.rename(part, f"{self._config.outbox}/{name}")
            except (ConnectionError, TimeoutError) as lost:
                unclear = lost
            except OSError as failure:
                nothing_put = await self._taken_back(files, part, failure)
                # Another of us may just have been quicker with it.
                if isinstance(failure, FileExistsError) and await self._handed_over(files, name, body):
                    return delivered
                raise nothing_put from failure
            else:
                with suppress(OSError):  # it is handed over by now; mounted drives often cannot do this
                    await files.keep(self._config.outbox)
                return delivered
        return await self._settled(part, delivered, unclear)

    async def _settled(self, part: str, delivered: SendReceipt, unclear: OSError) -> SendReceipt:
        """What became of a whole document when the connection broke over its renaming, asked over a new one."""
        try:
            async with self._place.opened() as files:
                await files.remove(part)
        except FileNotFoundError:
            return delivered
        except (OSError, Retryable) as failure:
            said = words(failure) if isinstance(failure, OSError) else str(failure)
            return SendReceipt(result=SendResult.UNKNOWN, reason=f"{words(unclear)}; and then: {said}")
        raise self._not_put(unclear)

    async def find(self, envelope: Envelope) -> LookupStatus:
        """Whether the document was handed over. Raises: Retryable, Unsupported."""
        if not self.finds:
            raise Unsupported(
                f"what has left the outbox of supplier {self._supplier_id!r} cannot be found: it has no outbox_archive"
            )
        name = envelope.headers.get(FILE_NAME, "")
        if not name or wrong_name(name):
            return LookupStatus(found=False)
        with self._named():
            async with self._place.opened() as files:
                found = await self._handed_over(files, name, envelope.body)
                if not found:
                    await self._can_be_missed(files)
        return LookupStatus(found=found, reference=name if found else None)

    async def _handed_over(self, files: Files, name: str, body: bytes) -> bool:
        """Whether it lies in the outbox, or where the partner moves what it took (so: look there second).

        Raises:
            Retryable: something else lies in the outbox under that name, or it cannot be looked at.
        """
        outbox, archive = self._config.outbox, self._config.outbox_archive
        there = await self._read(files, f"{outbox}/{name}", len(body) + 1)
        if there is not None and there != body:
            raise Retryable(
                f"{self._shown(f'{outbox}/{name}')} is another document under the same name; nothing is overwritten. "
                "Find out whose it is, and move it away; until then this is tried again"
            )
        if there is None and archive is not None:
            there = await self._read(files, f"{archive}/{name}", len(body) + 1)
        return there == body

    async def _can_be_missed(self, files: Files) -> None:
        """A folder that is not there has lost everything: a drive that is not mounted has not said no.

        Raises:
            Retryable: one of the two is not there, or cannot be looked into.
        """
        for folder in filter(None, (self._config.outbox, self._config.outbox_archive)):
            try:
                await files.entries(folder)
            except OSError as failure:
                raise Retryable(
                    f"{self._shown(folder)} cannot be looked into: {words(failure)}; so nobody knows what was taken"
                ) from failure

    async def _read(self, files: Files, path: str, most: int) -> bytes | None:
        try:
            return await files.read(path, most)
        except FileNotFoundError:
            return None
        except OSError as failure:
            raise Retryable(f"{self._shown(path)} cannot be looked at: {words(failure)}") from failure

    async def poll(self, cursor: str | None) -> Batch:
        """Documents that wait, oldest first; those that the cursor names are stored by now, and are put away.

        Raises: Retryable, Unsupported.
        """
        if self._config.inbox is None:
            raise Unsupported(f"nothing is collected from supplier {self._supplier_id!r}: it has no inbox")
        with self._named():
            async with self._place.opened() as files:
                inbox = Inbox(files, self._config, self._config.inbox, self._place.name, secrets.token_hex(4))
                try:
                    await inbox.put_away(Cursor.read(cursor))
                    return await inbox.collect()
                except OSError as failure:
                    raise Retryable(
                        f"nothing can be collected from {self._shown(self._config.inbox)}: {words(failure)}; mend the "
                        "folder, or correct the setting inbox"
                    ) from failure

    def verify(self, message: Inward) -> None:
        """Nothing comes through our own door. Raises: Undecodable, always."""
        del message
        raise Undecodable("the documents of this supplier are collected as files; nothing is taken at this door")

    async def aclose(self) -> None:
        """Each step has had its own connection: they are rare, and idle ones are cut by servers."""

    @contextmanager
    def _named(self) -> Generator[None]:
        try:
            yield
        except Retryable as failure:
            raise Retryable(f"supplier {self._supplier_id!r}: {failure}", after=failure.after) from failure

    async def _taken_back(self, files: Files, part: str, failure: OSError) -> Retryable:
        with suppress(OSError):
            await files.remove(part)
        return self._not_put(failure)

    def _not_put(self, failure: OSError) -> Retryable:
        return Retryable(
            f"nothing was put into {self._shown(self._config.outbox)}: {words(failure)}; mend the folder, or correct "
            "the setting outbox"
        )

    def _shown(self, path: str) -> str:
        return f"{self._place.name}{path}"
