"""A far side met through two folders: it keeps every file that we put, and puts files of its own."""

import itertools
import os
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from connectors.suppliers.interface import FILE_NAME, Envelope, Inward
from connectors.testing import Fault, Flaw, HeldOrder, Peer, Seen, held

NO_ANSWER = "a folder gives no answer: a file is there, or it is not"
NO_SIGNATURE = "whoever can write to the folder is trusted; its rights are the signature"

DENIED_BY_FOLDERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys((Fault.BROKEN, Fault.UNANSWERED, Fault.SLOW, Fault.BUSY, Fault.REFUSED), NO_ANSWER),
        **dict.fromkeys((Flaw.SIGNATURE, Flaw.AGE), NO_SIGNATURE),
    }
)


class FolderPeer(Peer):
    """Of which a format has to say how it is read and written."""

    supplier_id = "acme"
    partner: ClassVar[Mapping[str, object]] = {}
    """The profile of the connector's partner, who is this peer."""
    suffix: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self._out, self._in, self._away = folder / "orders", folder / "answers", folder / "away"
        places = {"outbox": self._out, "outbox_archive": folder / "taken", "inbox": self._in}
        for place in places.values():
            place.mkdir(parents=True)
        transport = {"kind": "folder", "settle_seconds": 0, **{name: str(place) for name, place in places.items()}}
        nowhere = transport | {"outbox": str(folder / "nowhere")}
        self.settings = {"partner": dict(self.partner), "transport": transport}
        self.wrong_settings = {**self.settings, "transport": nowhere}
        self.hasty_settings = self.settings
        self.numbers = itertools.count(1)
        self._put = itertools.count(1)

    @abstractmethod
    def seen(self, body: bytes) -> Seen:
        """Read a document of ours."""

    def read(self, envelope: Envelope) -> Seen:
        return self.seen(envelope.body)

    async def received(self) -> list[HeldOrder]:
        taken = sorted(self._out.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return held(self.seen(path.read_bytes()) for path in taken)

    async def fail(self, fault: Fault, seconds: float = 0) -> None:
        assert fault is Fault.UNREACHED
        self._out.rename(self._away)

    async def mend(self) -> None:
        if self._away.exists():
            self._away.rename(self._out)

    def message(self, number: int, body: bytes) -> Inward:
        """A document of this peer, as the file that it is."""
        return Inward(body=body, headers={FILE_NAME: f"{number:06}{self.suffix}"})

    async def deliver(self, *messages: Inward) -> None:
        for message in messages:
            path, at = self._in / message.headers[FILE_NAME], 1_795_000_000 + next(self._put)
            path.write_bytes(message.body)
            os.utime(path, (at, at))  # one after the other, however coarse the clock of the file system
