"""`promisekeeper submit`: starts one `Backorder` workflow for each line of a file, however often the file is given."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, NamedTuple, Protocol, cast

import psycopg
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.progress import Progress
from temporalio.client import Client
from temporalio.service import RPCError

from activities.tracing import traced
from cli.connections import ledger_dsn, open_ledger, task_queue, temporal_client
from cli.errors import CommandFailed
from cli.order_files import BadLine, GoodLine, OrderFormat, Problem, each_line, format_of
from cli.terminal import console, plain, progress_bar, progress_console, say, table
from domain.errors import OrderConflict, OrderRefused
from domain.orders import Order, nonsense
from ledger import backorders, catalogue
from ledger.book import Ledger
from workflows.starting import start_backorder, started_order

SHOWN_AT_MOST = 20
"""Problems in the table; the rest is only counted, or all told with --json."""

AT_A_TIME = 500
"""Lines that are read, and looked up in the books, together."""


class Outcome(StrEnum):
    """What became of a line."""

    STARTED = "started"
    KNOWN = "already known"
    REFUSED = "refused"


_Verdict = tuple[Outcome, tuple[Problem, ...]]

_STARTED: _Verdict = Outcome.STARTED, ()
_KNOWN: _Verdict = Outcome.KNOWN, ()
_CONFLICT: _Verdict = (
    Outcome.REFUSED,
    (Problem("backorder_id", "conflict: this id is known with other content; correct the line, or give it a new id"),),
)


class Submitted(NamedTuple):
    """What became of a file."""

    started: int
    known: int
    refused: list[BadLine]
    unread: int = 0
    """How many of them were no orders by their form, and so were not checked any further."""


def submit(
    file: Path,
    /,
    *,
    file_format: Annotated[OrderFormat | None, Parameter(name="--format")] = None,
    in_flight: Annotated[int, Parameter(validator=Number(gte=1, lte=500))] = 50,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Start one backorder for each line of a file of orders.

    Submitting a file again is harmless: what is known already is counted and left alone. Exit code 0: every line is a
    backorder now. 1: some lines were refused; they are listed, the others went. 2: nothing could be read or reached.
    130: interrupted.

    Args:
        file: CSV, JSON Lines or JSON, told by its extension. `promisekeeper schema` describes them.
        file_format: what the file is, whatever its extension says.
        in_flight: the most lines on their way at once.
        as_json: print JSON: how many of each, and every problem with its line, backorder_id, field and reason.
    """
    # TRACEPARENT is how OpenTelemetry names the caller's trace to a program that it starts
    trace = {name.lower(): os.environ[name] for name in ("TRACEPARENT", "TRACESTATE") if name in os.environ}
    with traced("promisekeeper-submit", within=trace):
        result = asyncio.run(
            submit_file(file, file_format=file_format, in_flight=in_flight, progress=progress_console())
        )
    if not (result.started or result.known or result.refused):
        say(f"{file} holds no orders", progress_console())
    if as_json:
        print(json.dumps(_as_data(result), ensure_ascii=False, indent=2))
    else:
        report(result, console())
    return 1 if result.refused else 0


async def submit_file(
    path: Path,
    *,
    file_format: OrderFormat | None = None,
    client: Client | None = None,
    ledger: Ledger | None = None,
    in_flight: int = 50,
    progress: Console | None = None,
) -> Submitted:
    """Start a backorder for each line of a file.

    Args:
        path: the file of orders.
        file_format: what it is; None: as the extension says.
        client: the Temporal client to start them by; None: the environment's.
        ledger: where fingerprints and the catalogue are looked up; None: the environment's, if one is set. Without any,
            known ids are compared with the input of their workflow, and SKUs are left to the workflow to check.
        in_flight: the most lines on their way at once.
        progress: where to show how far it is; None: nowhere.

    Raises:
        CommandFailed: the file is unusable, or Temporal or the ledger cannot be reached. What was started stays
            started; the same file can be submitted again.
    """
    chosen = file_format or format_of(path)
    async with AsyncExitStack() as open_until_done:
        shown = progress or Console(quiet=True)
        counts: Counter[Outcome] = Counter()
        open_until_done.enter_context(_interruption_told(counts, shown))
        bar = open_until_done.enter_context(progress_bar(shown))
        total = await _check(path, chosen, bar)
        if client is None:
            client = await temporal_client()
        if ledger is None and ledger_dsn():
            ledger = await open_until_done.enter_async_context(open_ledger())
        desk = _Desk(client, ledger, await _skus(ledger))
        refused: list[BadLine] = []
        unread = 0
        task = bar.add_task(f"Submitting {path.name}", total=total)

        def settled(outcome: Outcome, bad: BadLine | None, *, read: bool = True) -> None:
            nonlocal unread
            counts[outcome] += 1
            unread += not read
            if bad:
                refused.append(bad)
            bar.advance(task)

        try:
            await _hand_in(path, chosen, desk, in_flight, settled)
        except ExceptionGroup as several:
            lost = several.subgroup((RPCError, psycopg.Error))
            if lost is None:
                raise
            raise CommandFailed(
                f"the connection was lost after {counts[Outcome.STARTED]} were started ({_first(lost)}). "
                "Submit the same file again: nothing starts twice."
            ) from several
    return Submitted(counts[Outcome.STARTED], counts[Outcome.KNOWN], sorted(refused), unread)


@contextmanager
def _interruption_told(counts: Counter[Outcome], on: Console) -> Generator[None]:
    """Ctrl-C leaves a person with a file half done, who has to know that it may be given again."""
    try:
        yield
    except asyncio.CancelledError:
        # those that were on their way may have arrived all the same
        say(
            f"Interrupted after {counts[Outcome.STARTED]} were started, and perhaps a few more. "
            "Submit the same file again: nothing starts twice.",
            on,
        )
        raise


def report(result: Submitted, on: Console) -> None:
    """Print what became of a file."""
    counts = f"{result.started} started, {result.known} already known, {len(result.refused)} refused"
    say(counts, on)
    if not result.refused:
        return
    rows = [(bad, nth, problem) for bad in result.refused for nth, problem in enumerate(bad.problems)]
    shown = table("Line", "Backorder", "Field", "Reason", right=["Line"])
    for bad, nth, problem in rows[:SHOWN_AT_MOST]:
        line, backorder = (bad.line_no, bad.backorder_id) if nth == 0 else ("", "")
        shown.add_row(plain(line), plain(backorder), plain(problem.field), plain(problem.reason))
    on.print(shown)
    if result.unread:
        say("Dates, amounts and items are checked once a line can be read, so more may follow.", on)
    if len(rows) > SHOWN_AT_MOST:
        say(f"and {len(rows) - SHOWN_AT_MOST:,} more problems; --json tells them all", on)


def _as_data(result: Submitted) -> object:
    problems = [
        {"line": bad.line_no, "backorder_id": bad.backorder_id, "field": problem.field, "reason": problem.reason}
        for bad in result.refused
        for problem in bad.problems
    ]
    return {
        "started": result.started,
        "already_known": result.known,
        "refused": len(result.refused),
        "problems": problems,
    }


async def _check(path: Path, file_format: OrderFormat, bar: Progress) -> int:
    """Read a file to its end, so that one of the wrong kind is found before anything is started; how many lines."""
    task = bar.add_task(f"Checking {path.name}", total=None)
    total = 0
    for lines in _portions(path, file_format):
        total += len(lines)
        bar.advance(task, len(lines))
        await asyncio.sleep(0)  # so that Ctrl-C is heard
    bar.remove_task(task)
    return total


def _portions(path: Path, file_format: OrderFormat) -> Iterator[list[GoodLine | BadLine]]:
    lines = each_line(path, file_format)
    while portion := list(islice(lines, AT_A_TIME)):
        yield portion


async def _hand_in(
    path: Path,
    file_format: OrderFormat,
    desk: "_Desk",
    in_flight: int,
    settled: "_Settled",
) -> None:
    """Read on only as lines are settled, so that a file of any size needs little memory."""
    free = asyncio.Semaphore(in_flight)

    def ends(line: GoodLine, verdict: _Verdict) -> None:
        outcome, problems = verdict
        settled(outcome, BadLine(line.line_no, problems, line.order.backorder_id) if problems else None)

    async def start(line: GoodLine) -> None:
        try:
            ends(line, await desk.start(line.order))
        finally:
            free.release()

    async with asyncio.TaskGroup() as tasks:
        for portion in _portions(path, file_format):
            accepted = await desk.accepted([line.order for line in portion if isinstance(line, GoodLine)])
            for line in portion:
                if isinstance(line, BadLine):
                    settled(Outcome.REFUSED, line, read=False)
                elif verdict := desk.by_the_books(line.order, accepted):
                    ends(line, verdict)
                else:
                    await free.acquire()
                    tasks.create_task(start(line))
            await asyncio.sleep(0)  # so that Ctrl-C is heard, however many are settled at once


class _Settled(Protocol):
    """Told of each line what became of it."""

    def __call__(self, outcome: Outcome, bad: BadLine | None, *, read: bool = True) -> None: ...


class _Desk:
    """Takes one order at a time and says what became of it."""

    def __init__(self, client: Client, ledger: Ledger | None, skus: set[str] | None) -> None:
        self._client = client
        self._ledger = ledger
        self._skus = skus
        """None: not known here."""

    async def accepted(self, orders: list[Order]) -> Mapping[str, str]:
        """The fingerprints under which the books know these ids; those they do not know are left out."""
        if self._ledger is None or not orders:
            return {}
        return await backorders.fingerprints(self._ledger, [order.backorder_id for order in orders])

    def by_the_books(self, order: Order, accepted: Mapping[str, str]) -> _Verdict | None:
        """What the books alone can say of an order; None: nothing.

        They remember longer than Temporal, which forgets closed workflows; and an order that was accepted in its day
        stays known when its dates are past.
        """
        fingerprint = accepted.get(order.backorder_id)
        if fingerprint is not None:
            return _KNOWN if fingerprint == order.fingerprint else _CONFLICT
        if self._skus is not None and order.sku not in self._skus:
            reason = f"{order.sku!r} is in no catalogue that was loaded (`promisekeeper catalogue load`)"
            return Outcome.REFUSED, (*_nonsense(order), Problem("sku", reason))
        return None

    async def start(self, order: Order) -> _Verdict:
        """Start an order that the books do not know."""
        problems = _nonsense(order)
        if not problems and await start_backorder(self._client, order, task_queue=task_queue()):
            return _STARTED
        return await self._against_workflow(order, problems)

    async def _against_workflow(self, order: Order, problems: tuple[Problem, ...]) -> _Verdict:
        """Compare with what the workflow of this id, if there is one, was started with."""
        try:
            given = await started_order(self._client, order.backorder_id)
        except OrderConflict:
            return _CONFLICT
        except OrderRefused as refused:
            return Outcome.REFUSED, (Problem("backorder_id", str(refused)),)
        if given is None:
            deleted = Problem("backorder_id", "its workflow was deleted just now; submit again")
            return Outcome.REFUSED, problems or (deleted,)
        return _KNOWN if given.fingerprint == order.fingerprint else _CONFLICT


def _nonsense(order: Order) -> tuple[Problem, ...]:
    """What is wrong with its id, amounts or dates."""
    return tuple(Problem(refusal.field, str(refusal)) for refusal in nonsense(order, datetime.now(UTC)))


async def _skus(ledger: Ledger | None) -> set[str] | None:
    if ledger is None:
        return None
    return await catalogue.known_skus(ledger)


def _first(error: BaseException) -> BaseException:
    """The first of the errors that ended it together."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
