"""How fast documents are read and written, beside other libraries on the same bytes; and what a very long one takes.

Processor time, since nothing here waits. Everybody takes turns within a round, so that a machine that is slow for a
while is slow for all, and of all rounds the median counts. Nothing is stored or sent: neither Temporal nor PostgreSQL
is needed.
"""

from __future__ import annotations

import asyncio
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial

from bench.figures import Figure, Goal, at_least, at_most
from bench.formats import FORMATS, X12, Format, ordered
from bench.sizes import Size
from bench.watching import Watch

OURS = "ours"
KIB = 2**10

Work = Callable[[], object]


async def run(watch: Watch, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """Time every format, then the long documents."""
    figures: list[Figure] = []
    details: dict[str, object] = {}
    for one in FORMATS:
        for lines in size.document_lines:
            found, told = await _rates(one, lines, watch, size)
            figures += found
            details |= told
    found, told = await _growth(watch, size)
    return figures + found, details | {"growth": told}


async def _rates(one: Format, lines: int, watch: Watch, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """Documents a second of everybody who reads an answer, and of everybody who writes an order."""
    body, order, writers = one.answering(lines), ordered(lines), one.writers(lines)
    others = {**one.readers, **one.floors}
    readers: dict[str, Work] = {OURS: one.reading(body)}
    readers |= {who: partial(read, body) for who, read in others.items()}
    written: dict[str, Work] = {OURS: partial(one.write, order), **writers}
    figures: list[Figure] = []
    details: dict[str, object] = {}
    for doing, document, works in (("reading", one.answer, readers), ("writing", one.order, written)):
        name = f"{doing} {one.name}: {document}, {lines} lines"
        seconds = await _in_turns(name, works, watch, size)
        weight = len(body) if doing == "reading" else len(one.write(order))
        details[name] = {
            "bytes": weight,
            "documents_a_second": {who: 1 / spent for who, spent in seconds.items()},
            "megabytes_a_second": {who: weight / spent / 1e6 for who, spent in seconds.items()},
        }
        figures += [
            Figure(
                name=name,
                value=1 / seconds[OURS],
                unit="/s",
                beside=who,
                beside_value=1 / spent,
                goal=None if "only" in who else at_least(1),
            )
            for who, spent in seconds.items()
            if who != OURS
        ]
    return figures, details


async def _in_turns(what: str, works: Mapping[str, Work], watch: Watch, size: Size) -> dict[str, float]:
    """Seconds of processor time that each takes for one document."""
    watch.step(what, size.document_rounds)
    times = {name: _enough(work, size.document_seconds) for name, work in works.items()}
    spent: dict[str, list[float]] = {name: [] for name in works}
    for done in range(size.document_rounds):
        for name, work in works.items():
            spent[name].append(_seconds(work, times[name]))
        watch.reach(done + 1)
        await asyncio.sleep(0)  # so that it can be stopped
    return {name: statistics.median(each) for name, each in spent.items()}


def _enough(work: Work, seconds: float) -> int:
    """How often it has to be done to take so long, found by doing it; which is also its warm-up."""
    times = 1
    while (spent := _seconds(work, times) * times) < seconds / 4:
        times *= 4
    return max(1, round(times * seconds / spent))


def _seconds(work: Work, times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


async def _growth(watch: Watch, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """Time and memory for a line of long documents; the same for every length if both grow linearly."""
    bodies = {lines: X12.answering(lines) for lines in size.long_documents}
    orders = {lines: ordered(lines) for lines in size.long_documents}
    kinds: tuple[tuple[str, dict[int, Work]], ...] = (
        ("reading an 855", {lines: X12.reading(body) for lines, body in bodies.items()}),
        ("writing an 850", {lines: partial(X12.write, order) for lines, order in orders.items()}),
    )
    figures: list[Figure] = []
    details: dict[str, object] = {}
    for name, works in kinds:
        seconds = await _in_turns(f"{name} of many lines", {str(n): work for n, work in works.items()}, watch, size)
        time_of = {lines: seconds[str(lines)] for lines in works}
        memory_of = {lines: _peak(work) for lines, work in works.items()}
        details[name] = {str(lines): {"seconds": time_of[lines], "peak_kib": memory_of[lines] / KIB} for lines in works}
        figures += _for_a_line(name, {n: spent * 1e6 for n, spent in time_of.items()}, "us")
        figures += _for_a_line(f"{name}, peak memory", {n: taken / KIB for n, taken in memory_of.items()}, "KiB")
    return figures, details


def _for_a_line(name: str, taken: Mapping[int, float], unit: str) -> list[Figure]:
    """The longer documents beside the shortest: what each of their lines takes."""
    first, *others = taken
    return [
        Figure(
            name=f"{name} of {lines:,} lines, for each",
            value=taken[lines] / lines,
            unit=unit,
            beside=f"of {first:,} lines",
            beside_value=taken[first] / first,
            goal=_LINEAR,
        )
        for lines in others
    ]


_LINEAR: Goal = at_most(1.25)


def _peak(work: Work) -> int:
    """The most bytes that it holds at once, what it returns included."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
