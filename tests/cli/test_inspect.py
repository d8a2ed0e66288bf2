"""`promisekeeper inspect`: a document read without touching anything, or why nobody can."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.suppliers.cxml.secrets import hidden
from domain.catalogue import Catalogue, Supplier
from ledger import catalogue
from ledger.book import Ledger
from ledger.inbox import store_message
from tests.cli.conftest import Command
from tests.connectors.cxml.partner import CONFIG

SAMPLES = Path(__file__).parents[1] / "connectors" / "samples" / "x12"


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """How the supplier of the samples writes to the shop."""
    file = tmp_path / "profile.json"
    folder = {"kind": "folder", "outbox": str(tmp_path / "out")}
    file.write_text(json.dumps({"partner": {"our_id": "SHOP", "partner_id": "SUPPLIER"}, "transport": folder}))
    return file


async def test_a_document_is_shown_as_it_would_be_read(promisekeeper: Command, profile: Path) -> None:
    document = SAMPLES / "ours_855_splits.edi"
    code, out, err = await promisekeeper("inspect", document, "--connector", "x12", "--config", profile)
    assert (code, err) == (0, "")
    assert "PO-1001" in out and "35 accepted" in out and "65 backordered" in out
    assert "Known again by: x12/SUPPLIER" in out
    code, out, _ = await promisekeeper("inspect", document, "--connector", "x12", "--config", profile, "--json")
    assert code == 0
    (event,) = json.loads(out)["inspected"]["events"]
    assert (event["kind"], event["supplier_order_no"]) == ("order_ack", "SO-77")


async def test_damage_that_was_survived_is_told(promisekeeper: Command, profile: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.edi"
    damaged.write_bytes((SAMPLES / "ours_855_splits.edi").read_bytes().replace(b"\nSE*", b"\nSE*9"))
    code, out, _ = await promisekeeper("inspect", damaged, "--connector", "x12", "--config", profile)
    assert code == 0
    assert "1 issue that was survived:" in out and "SE01" in out


async def test_what_comes_instead_and_when_it_leaves_is_shown(
    promisekeeper: Command, profile: Path, tmp_path: Path
) -> None:
    instead = tmp_path / "instead.edi"
    said = (SAMPLES / "ours_855_splits.edi").read_bytes().partition(b"PO1*")[0]
    line = b"REF*ZZ**see our letter~\nPO1*1*10*EA*5**BP*MUG*VP*V-1~\nACK*IS*10*EA*068*20261203**VP*V-2~\nSE*0*0001~\n"
    instead.write_bytes(said + line)
    code, out, _ = await promisekeeper("inspect", instead, "--connector", "x12", "--config", profile)
    assert code == 0
    assert "10 substituted by V-2, leaves on 2026-12-03" in " ".join(out.split())
    assert "see our letter" in out


async def test_what_nobody_can_read_is_said_with_the_reason(
    promisekeeper: Command, profile: Path, tmp_path: Path
) -> None:
    stray = tmp_path / "stray.edi"
    stray.write_text("Dear Sirs, we regret")
    code, out, err = await promisekeeper("inspect", stray, "--connector", "x12", "--config", profile)
    assert (code, out) == (1, "")
    assert "nobody's connector can read it" in err and "inspected (x12): " in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.edi", "--connector", "x12"), "nowhere.edi cannot be read"),
        ((".", "--connector", "x12"), "cannot be read"),
        ((SAMPLES / "ours_855_splits.edi", "--config", "x.json"), "--config goes with --connector"),
        ((SAMPLES / "ours_855_splits.edi", "--connector", "x12", "--config", "x.json"), "x.json cannot be read"),
        ((SAMPLES / "ours_855_splits.edi", "--supplier", "acme"), "no ledger is set"),
        (
            (SAMPLES / "ours_855_splits.edi", "--connector", "cvs"),
            "no connector 'cvs' is installed; there is csv, cxml,",
        ),
    ],
)
async def test_wrong_use_is_told(
    promisekeeper: Command, nowhere: None, arguments: tuple[str | Path, ...], said: str
) -> None:
    code, out, err = await promisekeeper("inspect", *arguments)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("x12/ours_855_splits.edi", "65 backordered, here on 2027-01-15"),
        ("x12/ours_997_rejected.edi", "our document 17 could not be read"),
        ("edifact/ordrsp_schedule.edi", "35 backordered, here on 2027-01-31"),
        ("edifact/public_orders_wikipedia.edi", "orders something from us: it went astray"),
        ("x12/850_aojuk.edi", "orders something from us: it went astray"),
        ("cxml/confirmation_of_a_delete.xml", "change ack"),
        ("csv/acknowledgement.csv", "65 backordered, here on 2027-01-15"),
    ],
)
async def test_a_strangers_document_is_read_by_its_own_envelope(
    promisekeeper: Command, nowhere: None, document: str, said: str
) -> None:
    code, out, err = await promisekeeper("inspect", SAMPLES.parent / document)
    assert (code, err) == (0, "")
    assert "By its own envelope" in out and said in " ".join(out.split())


async def test_a_document_of_nobodys_is_shown_and_said_to_be_so(promisekeeper: Command, stocked: Ledger) -> None:
    code, out, err = await promisekeeper("inspect", SAMPLES / "ours_855_splits.edi")
    assert code == 1
    assert "By its own envelope" in out and "35 accepted" in out
    assert "no supplier of the ledger is understood so" in err and "(http): " in err


def suppliers_of(count: int, *, by: str, **config: str) -> list[Supplier]:
    return [
        Supplier(
            supplier_id=f"{by}{n}",
            name=by,
            currency="USD",
            connector="http",
            connector_config={name: said.replace("N", str(n)) for name, said in config.items()},
        )
        for n in range(count)
    ]


async def test_hundreds_who_cannot_read_it_make_a_handful_of_lines(
    promisekeeper: Command, ledger: Ledger, tmp_path: Path
) -> None:
    url = {"base_url": "https://supplier.example", "webhook_secret": "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29rcw=="}
    alike = suppliers_of(40, by="alike", **url, api_key="known-to-both")
    wrong = suppliers_of(20, by="wrong", **url, api_key="env:NOT_SET_N")
    loaded = Catalogue(suppliers=(*alike, *wrong), items=(), supplier_items=())
    await catalogue.load_catalogue(ledger, loaded, at=datetime.now(UTC))
    stray = tmp_path / "stray.edi"
    stray.write_text("Dear Sirs, we regret")
    code, _, err = await promisekeeper("inspect", stray)
    assert code == 1
    told = " ".join(err.split())
    assert "alike0 (http), alike1 (http), alike10 (http) and 37 more: " in told
    assert "and 16 more; --supplier asks one" in told
    assert (told.count("alike"), told.count("(http): ")) == (3, 4)


async def test_a_document_without_a_known_envelope_needs_a_word_whose_it_is(
    promisekeeper: Command, nowhere: None, tmp_path: Path
) -> None:
    stray = tmp_path / "stray.edi"
    stray.write_text("Dear Sirs, we regret")
    code, out, err = await promisekeeper("inspect", stray)
    assert (code, out) == (1, "")
    assert "say whose it is" in " ".join(err.split())


@pytest.mark.parametrize("settings", ["", "{}", '{"partner": {"dates": "day_first"}}'])
async def test_a_file_of_a_named_kind_needs_no_way_by_which_it_came(
    promisekeeper: Command, nowhere: None, tmp_path: Path, settings: str
) -> None:
    config = tmp_path / "settings.json"
    config.write_text(settings)
    with_it = ("--config", config) if settings else ()
    document = SAMPLES.parent / "csv" / "acknowledgement.csv"
    code, out, err = await promisekeeper("inspect", document, "--connector", "csv", *with_it)
    assert (code, err) == (0, "") and "65 backordered" in " ".join(out.split())
    stray = tmp_path / "stray.csv"
    stray.write_text("name,price\nmug,3\n")
    code, _, err = await promisekeeper("inspect", stray, "--connector", "csv", *with_it)
    assert code == 1
    assert "no row is a header" in " ".join(err.split()) and "set up wrongly" not in err


@pytest.fixture
def half_a_profile(profile: Path) -> Path:
    profile.write_text('{"partner": {"our_id": "SHOP"}, "transport": {"kind": "folder", "outbox": "/tmp/x"}}')
    return profile


async def test_wrong_settings_are_named(promisekeeper: Command, half_a_profile: Path) -> None:
    document = SAMPLES / "ours_855_splits.edi"
    code, _, err = await promisekeeper("inspect", document, "--connector", "x12", "--config", half_a_profile)
    assert code == 1
    assert "partner_id" in err and "missing" in err


async def test_a_message_that_could_not_be_read_is_saved_as_it_came_and_inspected(
    promisekeeper: Command, ledger: Ledger, tmp_path: Path
) -> None:
    """Of a cXML document without the password, which it is not kept with."""
    meridian = Supplier(
        supplier_id="meridian", name="Meridian", currency="USD", connector="cxml", connector_config=CONFIG
    )
    await catalogue.load_catalogue(
        ledger,
        Catalogue(suppliers=(meridian, *suppliers_of(1, by="other")), items=(), supplier_items=()),
        at=datetime.now(UTC),
    )
    came = (SAMPLES.parent / "cxml" / "confirmation_accept.xml").read_bytes() + b"\x1b[2J"
    kept = hidden(came)
    stored = await store_message(
        ledger,
        "meridian",
        door="webhook",
        dedupe_key="1",
        headers={},
        body=kept,
        at=datetime.now(UTC),
        events=(),
        unreadable="the document is no XML",
    )
    file, number = tmp_path / "kept.xml", ("--message", stored.inbox_id)
    code, out, err = await promisekeeper("mailbox", "meridian", *number, "--save", file)
    assert (code, err) == (0, ""), err
    assert file.read_bytes() == kept and "--supplier meridian" in " ".join(out.split())
    code, _, err = await promisekeeper("inspect", file, "--supplier", "meridian")
    assert code == 1 and "no XML: Extra content at the end" in " ".join(err.split())
    file.write_bytes(kept.removesuffix(b"\x1b[2J"))
    code, out, err = await promisekeeper("inspect", file, "--supplier", "meridian")
    assert code == 0 and "order ack" in out, err
    code, _, err = await promisekeeper("mailbox", "meridian", *number, "--save", file)
    assert code == 2 and "cannot be written: File exists" in " ".join(err.split())
    code, _, err = await promisekeeper("mailbox", "other0", *number, "--save", tmp_path / "other.xml")
    assert code == 3 and f"no message {stored.inbox_id} of supplier 'other0'" in " ".join(err.split())
    for wrong in (("meridian",), ("meridian", "dismiss", *number), (*number,)):
        code, _, _ = await promisekeeper("mailbox", *wrong, "--save", tmp_path / "other.xml")
        assert code == 2 and not (tmp_path / "other.xml").exists()
