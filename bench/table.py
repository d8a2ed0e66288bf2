"""The figures for people: a table that fits a terminal of 80 columns."""

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from bench.figures import Figure, Report

WIDTH = 80


def table(report: Report) -> Group:
    """The table, with what it ran on above it."""
    grid = Table(box=box.SIMPLE_HEAD, width=WIDTH, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("measured", ratio=1)
    grid.add_column("", justify="right", no_wrap=True)
    grid.add_column("beside it", justify="right", no_wrap=True)
    grid.add_column("ratio", justify="right", no_wrap=True)
    grid.add_column("goal", justify="right", no_wrap=True)
    grid.add_column("", no_wrap=True)
    for result in report.results:
        for number, figure in enumerate(result.figures):
            name = Text(figure.name)
            name.append(f"\n{figure.beside}", style="dim")
            grid.add_row(
                name,
                f"{short(figure.value)} {figure.unit.replace('each', '')}".strip(),
                short(figure.beside_value),
                "-" if figure.ratio is None else f"{short(figure.ratio)} x",
                figure.goal.words if figure.goal else "",
                _verdict(figure),
                end_section=number == len(result.figures) - 1,
            )
    here = report.machine
    heading = Text.assemble(
        (f"{report.size} run of {report.started_at:%Y-%m-%d %H:%M} UTC, commit {report.commit}\n", "bold"),
        f"{here.processor}, {here.cores} cores, {here.memory_gib} GiB; load before: {here.load_before}\n",
        _servers(report),
    )
    return Group(heading, grid)


def _servers(report: Report) -> str:
    kept = report.persistence
    if kept is None:
        return f"Python {report.versions['python']}; no servers"
    return (
        f"Temporal {report.versions['temporal'].removeprefix('temporal version ')}, state in "
        f"{'a file' if kept.temporal == 'file' else 'memory'}; "
        f"PostgreSQL {report.versions['postgres']}, fsync {kept.postgres['fsync']}"
    )


def _verdict(figure: Figure) -> Text:
    if figure.met is None:
        return Text("")
    return Text("met", style="green") if figure.met else Text("missed", style="red")


def short(number: float) -> str:
    """Three digits that count."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"
