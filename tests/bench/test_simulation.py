"""The simulation is arithmetic: the first wall is the smallest limit. The page for people repeats what was measured."""

import math

import pytest

from bench import report_files
from bench.publishing import PAGE, published
from bench.simulation import Cluster, Measured, a_day, hot_sku, measured, seconds_to_tell, waiting_at, walls

PUBLISHED = PAGE.parent / "figures" / "bench.json"
FOUND = Measured(
    worker_seconds=0.06,
    temporal_seconds=0.03,
    ledger_seconds=0.01,
    gateway_seconds=0.01,
    events=80,
    hot_joins=1000,
    allocation_seconds=0.0002,
    tells=500,
)
SMALL = Cluster(name="small", workers=1, temporal=8, ledger=8, gateway=8, shards=512)


def test_the_first_wall_is_the_smallest_limit() -> None:
    first = walls(SMALL, FOUND)[0]
    assert (first.resource, first.per_second) == ("workers", pytest.approx(10))


def test_more_of_it_moves_the_wall_elsewhere() -> None:
    assert walls(SMALL.model_copy(update={"workers": 1000}), FOUND)[0].resource != "workers"
    assert walls(SMALL.model_copy(update={"workers": 1000, "shards": 1}), FOUND)[0].resource == "history shards"


def test_one_hot_sku_is_no_faster_on_a_larger_machine() -> None:
    assert hot_sku(FOUND) == pytest.approx(500)


def test_a_day_is_what_its_busiest_hour_allows() -> None:
    assert a_day(10) == pytest.approx(300_000)


def test_waiting_doubles_at_half_load_and_never_ends_at_capacity() -> None:
    assert waiting_at(5, 10, 0.1) == pytest.approx(0.2)
    assert waiting_at(10, 10, 0.1) == math.inf


def test_telling_takes_as_long_as_the_signals_do() -> None:
    assert seconds_to_tell(5000, FOUND) == pytest.approx(10)


def test_the_published_report_has_all_that_the_simulation_needs() -> None:
    report = report_files.read(PUBLISHED)
    found = measured(
        {result.bench: result.details for result in report.results},
        {figure.name: figure.value for figure in report.figures},
    )
    assert min(found.model_dump().values()) > 0


def test_the_page_says_what_the_published_report_says() -> None:
    report = report_files.read(PUBLISHED)
    page = PAGE.read_text()
    assert published(report, page) == page


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="put them back"):
        published(report_files.read(PUBLISHED), "# How fast it is")
