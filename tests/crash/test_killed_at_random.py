"""Everything is killed at random while orders come in, and in the end nothing is lost and nothing happened twice.

`make crash` runs the long form. A failure names its seed and the command that repeats the trial.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import copytree
from tempfile import gettempdir
from time import monotonic

import pytest

from domain.backorder_position import BackorderPosition
from ledger import backorders
from ledger.audit import audit
from tests.crash.blows import Hit, hits
from tests.crash.books_compared import agreed
from tests.crash.conftest import LONG, Trial
from tests.crash.hurried_shop import sample_orders
from tests.crash.killed_world import KilledWorld, killed_world, known
from tests.crash.people import NOT_NOW, People, operate

SETTLES_WITHIN = 900
"""Seconds of calm in which everything comes to its end."""

STANDS_STILL = 20
"""Seconds without any change after which an operator looks at what is left."""


class Progress:
    """One line for the person who waits, every few seconds."""

    EVERY = 5.0

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._began = monotonic()
        self.hits = self.ended = 0
        self.now = "orders come in"

    async def run(self) -> None:
        """Print it until cancelled."""
        while True:
            minutes, seconds = divmod(int(monotonic() - self._began), 60)
            blows = f"{self.hits}/{self._trial.kills} blows"
            ended = f"{self.ended}/{self._trial.backorders} backorders at their end"
            print(f"{minutes:3}:{seconds:02}  {blows}, {ended}; {self.now}", file=sys.stderr, flush=True)
            await asyncio.sleep(self.EVERY)


@pytest.mark.timeout(3600 if LONG else 1200)
async def test_killed_at_random_nothing_is_lost_and_nothing_happens_twice(
    folder: Path, unused_tcp_port_factory: Callable[[], int], trial: Trial
) -> None:
    orders = sample_orders(trial.backorders, random.Random(trial.seed))
    ids = [order.backorder_id for order in orders]
    progress = Progress(trial)
    print(f"this trial: {trial.again}", file=sys.stderr, flush=True)
    async with killed_world(folder / "world", unused_tcp_port_factory) as world:
        blows = hits(trial.seed, trial.kills, world.parts)
        people = People(world, trial.seed)
        telling, meddling = asyncio.create_task(progress.run()), list[asyncio.Task[None]]()
        try:
            meddling += [asyncio.create_task(people.press_buttons()), asyncio.create_task(people.repeat_old_messages())]
            async with asyncio.TaskGroup() as together:
                together.create_task(world.submit(orders))
                together.create_task(people.cancel_some(ids, within=sum(blow.after for blow in blows) + 40))
                together.create_task(_strike(world, blows, progress))
            await world.all_up()
            ended = await _all_ended(world, ids, progress)
            await _stopped(meddling)
            progress.now = "comparing the books"
            async with await world.ledger() as ledger:
                assert await audit(ledger) == []
                assert await agreed(world) == []
                assert await audit(ledger) == []
        except BaseException:
            kept = Path(gettempdir()) / f"promisekeeper-crash-{trial.seed}"
            copytree(world.stack.folder / "logs", kept, dirs_exist_ok=True)
            print(*world.told, f"logs of all parts: {kept}", f"{trial.again}  repeats this trial", sep="\n")
            raise
        finally:
            await _stopped([*meddling, telling])
    how = Counter(f"{position.status}, {position.cancelled_by or 'not cancelled'}" for position in ended)
    print(
        f"seed {trial.seed}: {dict(how)}",
        f"cancelled at: {dict(people.cancelled)}",
        f"also {dict(people.done)}",
        sep="\n",
    )
    if LONG:  # chance reaches all of it among many
        assert {door.rpartition(", ")[2] for door in people.cancelled} == {"update", "gateway", "button", "operator"}
        assert len({stage.rpartition(", ")[0] for stage in people.cancelled}) > 3
        assert min(people.done["old message"], people.done["release_now"], people.done["withdraw"]) > 0


async def _strike(world: KilledWorld, blows: Sequence[Hit], progress: Progress) -> None:
    for blow in blows:
        await asyncio.sleep(blow.after)
        await world.strike(blow)
        progress.hits, progress.now = progress.hits + 1, str(blow)
    progress.now = "all is up; the last orders and cancellations come in"


async def _all_ended(world: KilledWorld, ids: Sequence[str], progress: Progress) -> list[BackorderPosition]:
    """Wait until every backorder is closed. Whom nobody serves (no supplier, a blocked card) an operator helps out."""
    deadline, last, since = monotonic() + SETTLES_WITHIN, "", monotonic()
    ended: dict[str, BackorderPosition] = {}
    helped: set[str] = set()
    async with await world.ledger() as ledger:
        while len(ended) < len(ids):
            waiting: list[BackorderPosition] = []
            for backorder_id in ids:
                if backorder_id not in ended:
                    position = await known(ledger, backorder_id)
                    if position is None:
                        continue
                    if position.closed_at:
                        ended[backorder_id] = position
                    else:
                        waiting.append(position)
            unknown = set(ids) - set(ended) - {p.backorder_id for p in waiting}
            assert monotonic() < deadline, [*((p.backorder_id, p.status, p.attention) for p in waiting), *unknown]
            if (now := repr(waiting)) != last:
                last, since = now, monotonic()
            elif monotonic() - since > STANDS_STILL:
                fresh = [p for p in waiting if p.backorder_id not in helped]
                await operate(world, fresh or waiting, again=not fresh)
                helped |= {p.backorder_id for p in waiting}
                since = monotonic()
            progress.ended = len(ended)
            progress.now = ", ".join(f"{n} {status}" for status, n in Counter(p.status for p in waiting).items())
            await asyncio.sleep(1)
        return [await backorders.position(ledger, backorder_id) for backorder_id in ids]


async def _stopped(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Stop them, and ask again if need be: the Temporal client tells a cancellation as a failed call, which people take
    for one more part that is down."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=1)
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, (asyncio.CancelledError, *NOT_NOW)), result
