"""Independent readers of what we write: pydifact, and mock-edi's EDIFACT reader."""

import warnings
from typing import Any

from mockedi import edifact as mock_edifact
from mockedi.envelope import Message as MockMessage
from pydifact.exceptions import MissingImplementationWarning
from pydifact.segmentcollection import Interchange

CODECS = {"UNOA": "ascii", "UNOB": "ascii", "UNOC": "iso8859-1", "UNOY": "utf-8"}


def by_pydifact(body: bytes, charset: str = "UNOC") -> tuple[Interchange, list[tuple[str, list[Any]]]]:
    """The interchange, and the segments of its only message. Raises what pydifact finds wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingImplementationWarning)  # it has no directory as old as D.96A
        interchange = Interchange.from_str(body.decode(CODECS[charset]))
    (message,) = interchange.get_messages()
    return interchange, [(segment.tag, list(segment.elements)) for segment in message.segments]


def by_mock_edi(body: bytes, charset: str = "UNOC") -> MockMessage:
    """The only message. Raises what mock-edi finds wrong."""
    interchange = mock_edifact.parse(body.decode(CODECS[charset]))
    ((message,),) = (group.messages for group in interchange.groups)
    return message
