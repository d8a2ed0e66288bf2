"""Every sample reads as its README says: by the JSON beside it, which was written by reading the document."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.suppliers.edifact.codec import EdifactCodec
from connectors.suppliers.edifact.partner import EdifactPartner
from domain.supplier_events import supplier_event
from tests.connectors.edifact.shop import PARTNER, inward

SAMPLES = Path(__file__).parents[1] / "samples" / "edifact"
DOCUMENTS = sorted(SAMPLES.glob("*.edi"))
ABOUT_ADDRESSES = "the interchange is "


def read(document: Path) -> tuple[EdifactCodec, dict[str, Any]]:
    expected = json.loads(document.with_suffix(".json").read_text())
    return EdifactCodec(EdifactPartner.model_validate(PARTNER | expected.get("partner", {}))), expected


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_a_sample_reads_as_a_person_reads_it(document: Path) -> None:
    codec, expected = read(document)
    decoded = codec.decode(inward(document.read_bytes()))
    assert [event.model_dump() for event in decoded.events] == [
        supplier_event.validate_python(event).model_dump() for event in expected["events"]
    ]
    assert _envelope(decoded.dedupe_key) == expected["dedupe_key"]
    assert [issue for issue in decoded.issues if not issue.startswith(ABOUT_ADDRESSES)] == expected["issues"]


def test_every_sample_is_described() -> None:
    described = (SAMPLES / "README.md").read_text()
    assert DOCUMENTS
    assert [document.name for document in DOCUMENTS if document.name not in described] == []


def _envelope(dedupe_key: str) -> str:
    """Without the digest of what is in it."""
    return dedupe_key.rpartition("/")[0]
