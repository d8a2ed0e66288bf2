"""Independent readers of what we write: pydifact, and mock-edi's EDIFACT reader."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mockedi import edifact as mock_edifact
from mockedi.envelope import Message as MockMessage
from pydifact.exceptions import MissingImplementationWarning
from pydifact.parser import Parser
from pydifact.segmentcollection import Interchange

CODECS = {"UNOA": "ascii", "UNOB": "ascii", "UNOC": "iso8859-1", "UNOY": "utf-8"}


def by_pydifact(body: bytes, charset: str = "UNOC") -> tuple[Interchange, list[tuple[str, list[Any]]]]:
    """The interchange, and the segments of its only message. Raises what pydifact finds wrong."""
    with _without_directories():
        interchange = Interchange.from_str(body.decode(CODECS[charset]))
    (message,) = interchange.get_messages()
    return interchange, [(segment.tag, list(segment.elements)) for segment in message.segments]


def segments_by_pydifact(body: bytes) -> list[list[str]]:
    """All segments of Latin-1 bytes but UNA: the tag, then the elements, components joined by colons again."""
    with _without_directories():
        segments = [segment for segment in Parser().parse(body.decode("latin-1")) if segment.tag != "UNA"]
    return [
        [segment.tag, *(":".join(element) if isinstance(element, list) else element for element in segment.elements)]
        for segment in segments
    ]


@contextmanager
def _without_directories() -> Iterator[None]:
    """It warns that it has no directory as old as D.96A."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingImplementationWarning)
        yield


def by_mock_edi(body: bytes, charset: str = "UNOC") -> MockMessage:
    """The only message. Raises what mock-edi finds wrong."""
    interchange = mock_edifact.parse(body.decode(CODECS[charset]))
    ((message,),) = (group.messages for group in interchange.groups)
    return message
