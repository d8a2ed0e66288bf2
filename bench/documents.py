"""How fast documents are read and written, beside other libraries on the same bytes; and what a very long one takes.

Processor time, since nothing here waits. Everybody takes turns within a round, so that a machine that is slow for a
while is slow for all, and of all rounds the median counts. Nothing is stored or sent: neither Temporal nor PostgreSQL
is needed.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

from bench.figures import Figure, Goal, at_least, at_most
from bench.formats import FLOOR, FORMATS, X12, Format, ordered
from bench.sizes import Size
from bench.watching import Watch

OURS = "ours"
KIB = 2**10

Work = Callable[[], object]


async def run(watch: Watch, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """Time every format, then the long documents."""
    figures: list[Figure] = []
    details: dict[str, object] = {}
    gc.collect()
    gc.freeze()  # else all that is imported here would be gone through again before each turn, for longer than it takes
    try:
        for one in FORMATS:
            longest = size.long_documents[-1:] if one is X12 else ()
            for lines in (*size.document_lines, *longest):
                found, told = await _rates(one, lines, watch, size)
                figures += found
                details |= told
        found, told = await _growth(watch, size)
    finally:
        gc.unfreeze()
    return figures + found, details | {"growth": told}


async def _rates(one: Format, lines: int, watch: Watch, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """Documents of so many lines by everybody who reads an answer, who cuts it, and who writes an order."""
    body, order = one.answering(lines), ordered(lines)
    others = {who: partial(read, body) for who, read in {**one.readers, **one.cutters, **one.floors}.items()}
    ours: dict[str, Work] = {OURS: one.reading(body)}
    if one.cut is not None:
        ours[_CUTTING] = partial(one.cut, body)
    read = await _in_turns(f"reading {one.name}: {one.answer}, {lines:,} lines", {**ours, **others}, watch, size)
    writers: dict[str, Work] = {OURS: partial(one.write, order), **one.writers(lines)}
    written = await _in_turns(f"writing {one.name}: {one.order}, {lines:,} lines", writers, watch, size)
    figures: list[Figure] = []
    details: dict[str, object] = {}
    for doing, document, us, beside, spent, weight in (
        ("reading", one.answer, OURS, list(others), read, len(body)),
        ("only cutting", one.answer, _CUTTING, list(one.cutters), read, len(body)),
        ("writing", one.order, OURS, [who for who in writers if who != OURS], written, len(one.write(order))),
    ):
        if us not in spent:
            continue
        name = f"{doing} {one.name}: {document}, {lines:,} lines"
        seconds = {OURS: spent[us], **{who: spent[who] for who in beside}}
        details[name] = {
            "bytes": weight,
            "documents_a_second": {who: 1 / each for who, each in seconds.items()},
            "megabytes_a_second": {who: weight / each / 1e6 for who, each in seconds.items()},
        }
        # short documents are told by their number, long ones by their size
        amount, unit = (1, "/s") if lines < _LONG else (weight / 1e6, "MB/s")
        figures += [
            Figure(
                name=name,
                value=amount / seconds[OURS],
                unit=unit,
                beside=who,
                beside_value=amount / seconds[who],
                goal=None if who.startswith(FLOOR) else at_least(1),
            )
            for who in beside
        ]
    return figures, details


_CUTTING = "ours, only cutting"
_LONG = 100
"""Lines of a document of which people would not ask how many a second."""


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
    gc.collect()  # what the one before left behind is not this one's to clear away
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


async def _growth(watch: Watch, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """Time and memory for long documents, each of twice as many lines as the one before."""
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
        time_of = {lines: seconds[str(lines)] * 1e3 for lines in works}
        memory_of = {lines: _peak(work) / KIB for lines, work in works.items()}
        details[name] = {str(n): {"milliseconds": time_of[n], "peak_kib": memory_of[n]} for n in works}
        figures += _doubling(name, time_of, "ms")
        figures += _doubling(f"{name}, peak memory", memory_of, "KiB")
    return figures, details


def _doubling(name: str, taken: Mapping[int, float], unit: str) -> list[Figure]:
    """Each length beside the one before; and how much the longest takes for how many times the lines."""
    steps = [
        Figure(
            name=f"{name} of {lines:,} lines",
            value=taken[lines],
            unit=unit,
            beside=f"of {before:,} lines",
            beside_value=taken[before],
        )
        for before, lines in pairwise(taken)
    ]
    first, *_, last = taken
    whole = Figure(
        name=f"{name}: how many times as much for {last:,} lines",
        value=taken[last] / taken[first],
        unit="x",
        beside=f"times the {first:,} lines; linear is 1",
        beside_value=last / first,
        goal=_LINEAR,
    )
    return [*steps, whole]


_LINEAR: Goal = at_most(1.25)
"""Of how many times as much to how many times as many lines."""


def _peak(work: Work) -> int:
    """The most bytes that it holds at once, what it returns included."""
    gc.collect()  # else tuples come, uncounted, out of what the interpreter keeps of freed ones: up to 2,000 of a size
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
