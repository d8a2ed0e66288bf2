"""Real documents and hand-written ones mean what a person read in them."""

import json
from pathlib import Path

import mockedi.x12
import pytest

from connectors.errors import Undecodable
from connectors.suppliers.issues import Issues
from connectors.suppliers.x12.syntax import read
from domain.supplier_events import supplier_event
from tests.connectors.x12.partners import codec, inward

SAMPLES = Path(__file__).parent.parent / "samples" / "x12"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.edi"))


def test_there_are_samples() -> None:
    assert len(NAMES) >= 15


@pytest.mark.parametrize("name", NAMES)
def test_a_document_means_what_was_read_in_it(name: str) -> None:
    body = (SAMPLES / f"{name}.edi").read_bytes()
    expected = json.loads((SAMPLES / "expected" / f"{name}.json").read_text())
    reader = codec(**expected.get("partner", {}))
    if "undecodable" in expected:
        with pytest.raises(Undecodable) as refused:
            reader.decode(inward(body))
        assert str(refused.value) == expected["undecodable"]
        return
    decoded = reader.decode(inward(body))
    assert _envelope(decoded.dedupe_key) == expected["dedupe_key"]
    assert list(decoded.events) == [supplier_event.validate_python(event) for event in expected["events"]]
    assert list(decoded.issues) == expected["issues"]


@pytest.mark.parametrize("name", NAMES)
def test_sets_and_damage_are_found(name: str) -> None:
    expected = json.loads((SAMPLES / "expected" / f"{name}.json").read_text())
    issues = Issues()
    found = read((SAMPLES / f"{name}.edi").read_bytes(), issues)
    if "sets" in expected:
        assert [[s.code, s.control, len(s.body)] for one in found for s in one.sets()] == expected["sets"]
        assert list(issues.told()) == expected["issues"]


# the other reader joins the two segments between which the terminator is lost
@pytest.mark.parametrize("name", [name for name in NAMES if name != "860_line_deletes"])
def test_another_reader_finds_the_same_segments(name: str) -> None:
    body = (SAMPLES / f"{name}.edi").read_bytes().removeprefix(b"\xef\xbb\xbf")
    theirs = mockedi.x12.parse(body.decode())
    (ours,) = read(body, Issues())
    assert [ta1.tag for ta1 in ours.answers] == [segment.tag for segment in theirs.preamble]
    sets = [one for group in theirs.groups for one in group.messages]
    assert [(one.code, one.control) for one in ours.sets()] == [(one.code, one.control) for one in sets]
    for here, there in zip(ours.sets(), sets, strict=True):
        read_by_them = [[item.tag, *map(str, item.elements)] for item in there.segments[1:-1]]
        assert [[e.strip() for e in segment] for segment in here.body] == [
            [e.strip() for e in segment] for segment in read_by_them
        ]


def _envelope(dedupe_key: str) -> str:
    """Without the digest of what is in it."""
    return dedupe_key.rpartition("/")[0]
