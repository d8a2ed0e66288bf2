"""The short form of every bench: that each runs to its end and answers in its shape. How fast it was is not asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.figures import Report
from bench.report_files import read
from bench.table import WIDTH

ROOT = Path(__file__).parents[2]
BENCHES = ["lifecycle", "merge", "fanout", "parked", "recover", "scale", "documents"]


def benched(*asked: str, within: float) -> str:
    """What it prints. However the test ends, the bench is given the time to end what it has started."""
    pipe = subprocess.PIPE
    run = subprocess.Popen([sys.executable, "-m", "bench", *asked], cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
    try:
        printed, complained = run.communicate(timeout=within)
    finally:  # `subprocess.run` would kill it, and its servers would stay
        run.terminate()
        run.wait()
    assert run.returncode == 0, printed + complained
    return printed


@pytest.mark.timeout(900)
def test_every_bench_runs_to_its_end_and_answers_in_its_shape(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    memory = Path("/dev/shm")  # where there is one, databases are made in no time
    folder = memory if os.access(memory, os.W_OK) else tmp_path
    asked = ("--folder", str(folder), "--size", "tiny", "--together", "--temporal", "memory", "--output", str(output))
    printed = benched(*asked, within=850)
    report = read(output)
    assert [result.bench for result in report.results] == BENCHES
    _every_figure_stands_beside_another(report)
    _laws_hold(report)
    _the_floor_took_the_same_steps(report)
    assert report.persistence is not None
    assert report.persistence.temporal == "memory"
    assert {"python", "temporalio", "temporal", "postgres"} <= report.versions.keys()
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert max(len(line) for line in printed.splitlines() if "written:" not in line) <= WIDTH
    written = json.loads(output.read_text())["results"][0]["figures"][0]
    assert {"ratio", "met"} <= written.keys()


def _every_figure_stands_beside_another(report: Report) -> None:
    for figure in report.figures:
        assert figure.beside, figure
        assert figure.value > 0, figure
        assert figure.beside_value > 0, figure
        assert (figure.met is None) == (figure.goal is None), figure


def _laws_hold(report: Report) -> None:
    audited = [result for result in report.results if "laws_broken" in result.details]
    assert {result.bench for result in audited} == {"lifecycle", "merge", "fanout", "scale"}
    assert [result.details["laws_broken"] for result in audited] == [[]] * len(audited)


def _the_floor_took_the_same_steps(report: Report) -> None:
    details = report.results[0].details
    assert details["steps_of_a_backorder"] == details["steps_of_a_bare_backorder"]
    assert details["steps_of_a_purchase_order"] == details["steps_of_a_bare_purchase_order"]


def test_documents_are_timed_without_servers(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    benched("--only", "documents", "--size", "tiny", "--output", str(output), within=300)
    report = read(output)
    _every_figure_stands_beside_another(report)
    assert report.persistence is None
    assert "postgres" not in report.versions
    rivals = {figure.beside.split(",")[0] for figure in report.figures}
    assert {"mock-edi", "pyx12", "draftedi", "pydifact"} <= rivals
    assert {figure.name.split(":")[0] for figure in report.figures} >= {
        f"{doing} {name}" for doing in ("reading", "writing") for name in ("X12", "EDIFACT", "cXML", "CSV")
    }
