"""Writes a report's figures into `docs/scale.md`, between marks that stand there: no number is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Report
from bench.simulation import Assumptions, hot_sku, measured, seconds_to_tell, told_in_words
from bench.table import short

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
RECEIPT = 5_000
"""Backorders of the receipt whose telling is reckoned."""


def publish(report: Report, page: Path = PAGE) -> None:
    """Rewrite the marked parts of the page. The walls are left as they are by a run that lacks what they need."""
    page.write_text(published(report, page.read_text()))


def published(report: Report, text: str) -> str:
    """The page with the report's figures in it. Raises: ValueError when the marks are missing."""
    text = _put(text, "figures", f"{_ran_on(report)}\n\n{_figures(report)}")
    details = {result.bench: result.details for result in report.results}
    if {"lifecycle", "merge", "fanout"} <= details.keys():
        text = _put(text, "walls", _walls(report))
    return text


def _put(text: str, mark: str, content: str) -> str:
    begin, end = f"<!-- bench: {mark} -->", f"<!-- bench: end of {mark} -->"
    found = re.subn(
        f"({re.escape(begin)}\n).*?({re.escape(end)})",
        lambda part: f"{part[1]}{content}\n{part[2]}",
        text,
        flags=re.DOTALL,
    )
    if found[1] != 1:
        raise ValueError(f"docs/scale.md must have {begin} and {end} once; put them back")
    return found[0]


def _ran_on(report: Report) -> str:
    here, kept = report.machine, report.persistence
    servers = "No servers"
    if kept is not None:
        servers = (
            f"Temporal dev server ({report.versions['temporal'].removeprefix('temporal version ')}) with its state in "
            f"{'a file' if kept.temporal == 'file' else 'memory'}; PostgreSQL {report.versions['postgres']} with fsync "
            f"{kept.postgres['fsync']}"
        )
    return (
        f"A `{report.size}` run of {report.started_at:%Y-%m-%d %H:%M} UTC at commit {report.commit}: {here.processor}, "
        f"{here.cores} cores, {here.memory_gib} GiB, {here.system}, load {here.load_before} before it began. "
        f"{servers}; Python {report.versions['python']}, temporalio {report.versions['temporalio']}. "
        "All of it, load included, on that one machine."
    )


def _figures(report: Report) -> str:
    rows = [
        (
            figure.name,
            f"{short(figure.value)} {figure.unit.replace('each', '')}".strip(),
            f"{short(figure.beside_value)} ({figure.beside})",
            "" if figure.ratio is None else short(figure.ratio),
            figure.goal.words if figure.goal else "",
            {None: "", True: "met", False: "**missed**"}[figure.met],
        )
        for figure in report.figures
    ]
    return _table(("measured", "", "beside it", "ratio", "goal", ""), rows)


def _walls(report: Report) -> str:
    found = measured(
        {result.bench: result.details for result in report.results},
        {figure.name: figure.value for figure in report.figures},
    )
    head = ("cluster", "first wall", "backorders/s there", "a day", "the wall behind it")
    believed = Assumptions()
    words = (
        f"One SKU alone: {hot_sku(found):,.0f} backorders a second, on any cluster.",
        f"Telling {RECEIPT:,} backorders of one receipt: {seconds_to_tell(RECEIPT, found):,.0f} seconds.",
        f"Assumed: resources {believed.utilisation:.0%} loaded in the busiest hour, which brings",
        f"{believed.busiest_hour:.0%} of the day; {believed.shard_writes:.0f} state transitions a second of one shard;",
        "cores as fast as those above.",
    )
    return f"{_table(head, told_in_words(found))}\n\n{' '.join(words)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
