"""The fuzzer itself: that it tells its seed and keeps the document that was not survived."""

from pathlib import Path

import pytest

from connectors.suppliers.interface import Decoded, Inward
from connectors.suppliers.x12.codec import X12Codec
from connectors.suppliers.x12.partner import X12Partner
from tests.connectors.fuzz import FORMATS, damaged, main, try_many


class Careless(X12Codec):
    """A codec that trips over what is no ASCII."""

    def decode(self, message: Inward) -> Decoded:
        return Decoded(dedupe_key=message.body.decode("ascii"), events=())


def test_a_document_that_is_not_survived_is_kept_and_named(tmp_path: Path) -> None:
    careless = Careless(X12Partner.model_validate({"our_id": "SHOP", "partner_id": "SUPPLIER"}))
    with pytest.raises(UnicodeDecodeError) as stray:
        try_many("x12", careless, [b"fine", b"\xff\x00"], 7, tmp_path / "faults")
    kept = tmp_path / "faults" / "x12-seed-7-number-2"
    assert kept.read_bytes() == b"\xff\x00"
    assert stray.value.__notes__ == [f"x12, seed 7: document 2 is not survived; it is written to {kept}"]


def test_the_same_seed_makes_the_same_documents() -> None:
    _, samples = FORMATS["csv"]()
    assert list(damaged(samples, 20, 3)) == list(damaged(samples, 20, 3))
    assert list(damaged(samples, 20, 3)) != list(damaged(samples, 20, 4))


def test_every_format_is_tried_where_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--documents", "5", "--seed", "2", "--faults", str(tmp_path)])
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in said] == ["csv", "cxml", "edifact", "x12"]
    assert all("seed 2: 5 damaged documents" in line for line in said)
    assert list(tmp_path.iterdir()) == []
