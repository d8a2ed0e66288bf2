"""The figures as a small picture for the docs: how near each goal is, and what grows with what.

It brings its own background, so that it reads the same on a light and on a dark page.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from bench.figures import Figure, Report

PAPER, INK, PALE = "#fbfaf7", "#1f2430", "#8a8f9c"
MET, MISSED = "#2b7a5a", "#b4552d"
LINES = ("#2b5f9e", "#b4552d", "#2b7a5a")


def draw(report: Report, path: Path) -> None:
    """Write the picture."""
    import matplotlib as mpl  # noqa: PLC0415 - it takes a second to load, and most of the bench needs none of it

    mpl.use("agg")
    from matplotlib import pyplot  # noqa: PLC0415

    style: dict[Any, Any] = {
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
    }
    with mpl.rc_context(style):  # pyright: ignore[reportUnknownMemberType] - matplotlib leaves much untyped
        goals = [figure for figure in report.figures if figure.goal and nearness(figure)]
        height = max(2.6, 0.42 * len(goals) + 1.2)
        picture, (left, right) = pyplot.subplots(
            1, 2, figsize=(9.6, height), width_ratios=(3, 2), facecolor=PAPER, layout="constrained"
        )
        _goals(left, goals)
        _growth(right, report)
        for axes in (left, right):
            axes.set_facecolor(PAPER)
            axes.spines[["top", "right"]].set_visible(False)
            axes.spines[["left", "bottom"]].set_color(PALE)
        picture.savefig(path, dpi=130, facecolor=PAPER)  # pyright: ignore[reportUnknownMemberType] - likewise
        pyplot.close(picture)


def nearness(figure: Figure) -> float:
    """1 at the goal, more when it is better, for goals of either direction; 0 when there is none to speak of."""
    measured = figure.ratio if figure.goal and figure.goal.of == "ratio" else figure.value
    if figure.goal is None or not measured:
        return 0.0
    reached = measured / figure.goal.bound
    return reached if figure.goal.must_be == "at least" else 1 / reached


def _goals(axes: Any, goals: list[Figure]) -> None:
    axes.set_title("goals: right of the line is met", loc="left", fontsize=10)
    if not goals:
        axes.set_axis_off()
        return
    reached = [min(max(nearness(figure), 0.02), 50) for figure in goals]
    places = range(len(goals))
    axes.barh(places, [one - 1 for one in reached], left=1, color=[MET if one >= 1 else MISSED for one in reached])
    axes.set_xscale("log")
    axes.set_xlim(min(0.1, min(reached) / 2), max(10, max(reached) * 2))
    axes.set_xticks([0.1, 1, 10], ["a tenth", "goal", "10 times"])
    axes.minorticks_off()
    axes.set_yticks(
        places, [f"{figure.name}\n{figure.goal.words if figure.goal else ''}" for figure in goals], fontsize=7.5
    )
    axes.axvline(1, color=INK, linewidth=1)
    axes.invert_yaxis()


def _growth(axes: Any, report: Report) -> None:
    """Each line begins at 1."""
    axes.set_title("growth, from the first size", loc="left", fontsize=10)
    lines = list(_lines(report))
    if not lines:
        axes.set_axis_off()
        return
    highest = 2.0
    for (name, points), color in zip(lines, LINES, strict=False):
        (first_x, first_y), *_ = points
        ys = [y / first_y for _, y in points]
        highest = max(highest, *ys)
        axes.plot([x / first_x for x, _ in points], ys, marker="o", color=color, label=name)
    axes.set_xscale("log")
    axes.set_xticks([1, 10, 100], ["1", "10", "100"])
    axes.minorticks_off()
    axes.set_ylim(0, highest * 1.15)
    axes.set_xlabel("times as many")
    axes.grid(axis="y", color=PALE, alpha=0.3)
    axes.legend(frameon=False, fontsize=7.5, loc="lower right", labelcolor=INK)


def _lines(report: Report) -> list[tuple[str, list[tuple[float, float]]]]:
    details = {result.bench: result.details for result in report.results}
    found: list[tuple[str, list[tuple[float, float]]]] = []
    if memory := cast("Mapping[str, float]", details.get("parked", {}).get("memory_mib", {})):
        found.append(("worker's memory, by waiting", [(float(n), value) for n, value in memory.items()]))
    history = cast("Mapping[str, Mapping[str, float]]", details.get("scale", {}).get("by_closed_backorders", {}))
    if history:
        found.append(("a merge, by closed history", [(float(n), one["merge_ms"]) for n, one in history.items()]))
        found.append(("a receipt, by closed history", [(float(n), one["receipt_ms"]) for n, one in history.items()]))
    return [(name, points) for name, points in found if len(points) > 1]
