"""What `promisekeeper dev` shows on a terminal of the usual size."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cli.dev import picture
from cli.main import run
from devstack.processes import State
from ledger.overview import Happening, Overview

PARTS = dict.fromkeys(("postgres", "temporal", "simulators", "gateway", "worker"), State.UP)


def _shown(overview: Overview | None, width: int = 80, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    return [
        "".join(part.text for part in line).rstrip() for line in console.render_lines(picture(PARTS, overview, console))
    ]


def _overview(asking: int) -> Overview:
    long = (
        "Told the customer: a delay of [some] days, with every reason that there is, and asked them to answer it soon"
    )
    recent = [Happening(at=datetime(2026, 11, 23, tzinfo=UTC), backorder_id=f"BO-{n}", what=long) for n in range(20)]
    statuses = ("accepted", "sourcing", "on order", "confirmed", "in transit", "allocated", "shipping", "closed")
    return Overview(
        backorders=dict.fromkeys(statuses, 12),
        purchase_orders={"collecting": 3, "acknowledged": 2},
        attention=asking,
        asking=tuple(f"BO-{1000 + n}" for n in range(min(asking, 10))),
        refunds_due=0,
        announcements_owed=0,
        recent=tuple(recent),
    )


def test_who_needs_attention_is_named_and_nothing_runs_off_the_screen() -> None:
    shown = _shown(_overview(13))
    assert len(shown) < 24 and max(map(len, shown)) <= 80
    said = " ".join(" ".join(shown).split())
    assert "13 need attention: BO-1000, BO-1001," in said and "BO-1009 and 3 more" in said
    assert "[some]" in said and shown[-1].endswith("…")


def test_the_screen_is_filled_with_what_happened_last() -> None:
    assert len(_shown(_overview(1))) == 23
    assert any("1 needs attention: BO-1000" in line for line in _shown(_overview(1)))
    assert "nothing needs attention" in _shown(_overview(0))


def test_a_small_terminal_still_shows_who_needs_attention() -> None:
    shown = _shown(_overview(2), width=60, height=12)
    assert "2 need attention: BO-1000, BO-1001" in shown[:5]


def test_a_gateway_that_is_away_is_said() -> None:
    assert _shown(None)[-1] == "the gateway does not answer"


def test_a_port_that_is_none_is_said_by_the_name_it_was_given_under(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["dev", "--gateway-port", "99999"]) == 2
    assert capsys.readouterr().err == "promisekeeper: --gateway-port 99999: must be less than or equal to 65535\n"
    monkeypatch.setenv("PROMISEKEEPER_DEV_MAIL_PORT", "post")
    assert run(["dev"]) == 2
    assert capsys.readouterr().err.startswith(
        "promisekeeper: PROMISEKEEPER_DEV_MAIL_PORT post: must be a valid integer"
    )


def test_one_word_too_many_is_said_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "BO-1", "BO-2"]) == 2
    assert "too much was given: BO-2" in capsys.readouterr().err
