"""Backorders from start to shipped and closed, against bare workflows that take as many steps and do nothing.

The supplier accepts at once and the goods are received at once, through our own doors (`bench.outside`); a purchase
order leaves when so many shares have joined. The floor runs in the same minute on the same server with as many worker
processes: each bare workflow follows the script of one real history, so it has the same activities, local activities,
timers, signals and upserts, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from bench.figures import Figure, at_least, at_most
from bench.histories import Counted, actions_in, counted, steps_in
from bench.profiling import profiled
from bench.rounds import Lifecycle, Round
from bench.sizes import Size
from bench.stage import Stage
from ledger.audit import audit

HISTORIES_READ = 200
"""Backorders of a round whose histories are read; purchase orders are all read."""
HEARTBEAT = "grpc_RecordActivityTaskHeartbeat"
"""How the server names this action. The others are counted from histories; its own count of all is in the details."""


@dataclass(frozen=True)
class Workflows:
    """One side of a round: how it went, and the histories it left."""

    round: Round
    backorders: list[Counted]
    orders: list[Counted]
    number: int
    """Backorders of the round."""
    orders_each: float
    """Purchase orders for each backorder."""

    @property
    def rate(self) -> float:
        """Backorders a second."""
        return round(self.number / self.round.seconds, 3)

    @property
    def heartbeats(self) -> float:
        """Of a backorder with its share of the order."""
        return self.round.actions.get(HEARTBEAT, 0.0) / self.number

    @property
    def actions(self) -> float:
        """Likewise."""
        own = mean(one.billable for one in self.backorders)
        return own + self.orders_each * mean(one.billable for one in self.orders) + self.heartbeats

    def processor_ms(self, kind: str) -> float:
        """Processor time of one kind of process, a backorder."""
        return 1000 * self.round.processor.get(kind, 0.0) / self.number


async def run(stage: Stage, size: Size) -> tuple[list[Figure], dict[str, object]]:
    """The bench."""
    profile: dict[str, float] = {}
    async with await stage.ledger(4) as ledger, stage.doors(), stage.workers(1) as (worker,), stage.bare_workers(1):
        lives = Lifecycle(stage, ledger, size.orders_on_a_po)
        await lives.prepare()
        await _compared(lives, stage, size.warm_up)
        if stage.profile:
            async with profiled(worker.pid, stage.folder) as profile:
                rounds = [await _compared(lives, stage, size.lifecycles) for _ in range(size.rounds)]
        else:
            rounds = [await _compared(lives, stage, size.lifecycles) for _ in range(size.rounds)]
        broken = [finding.what for finding in await audit(ledger)]
    real, bare = [one for one, _ in rounds], [one for _, one in rounds]
    details: dict[str, object] = {
        "backorders_per_second": [one.rate for one in real],
        "bare_per_second": [one.rate for one in bare],
        "orders_on_a_po": round(1 / mean(one.orders_each for one in real), 2),
        "steps_of_a_backorder": steps_in(_backorders(real)),
        "steps_of_a_bare_backorder": steps_in(_backorders(bare)),
        "steps_of_a_purchase_order": steps_in(_orders(real)),
        "steps_of_a_bare_purchase_order": steps_in(_orders(bare)),
        "actions_of_a_backorder": actions_in(_backorders(real)),
        "actions_of_a_purchase_order": actions_in(_orders(real)),
        "heartbeats_of_a_backorder": round(mean(one.heartbeats for one in real), 2),
        "actions_by_the_servers_own_count": _by_server(real),
        "processor_ms_of_a_backorder": _by_process(real),
        "processor_ms_of_a_bare_one": _by_process(bare),
        "worker_percent_by_part": profile,
        "laws_broken": broken,
    }
    return _figures(real, bare), details


async def _compared(lives: Lifecycle, stage: Stage, number: int) -> tuple[Workflows, Workflows]:
    """A round of the product, then its floor."""
    known = len(await lives.purchase_orders())
    done, ids = await lives.run(number)
    pos = (await lives.purchase_orders())[known:]
    stage.watch.step("reading histories")
    backorders, orders = await counted(stage.client, ids[:HISTORIES_READ]), await counted(stage.client, pos)
    real = Workflows(done, backorders, orders, number, len(pos) / number)
    scripts = [backorders[n % len(backorders)].script for n in range(number)]
    floor, bare_ids = await lives.run_bare([*scripts, *(one.script for one in orders)])
    stage.watch.step("reading histories of the floor")
    bare = Workflows(
        floor,
        await counted(stage.client, bare_ids[: len(backorders)]),
        await counted(stage.client, bare_ids[number:]),
        number,
        len(pos) / number,
    )
    return real, bare


def _figures(real: Sequence[Workflows], bare: Sequence[Workflows]) -> list[Figure]:
    beside = "the same of the bare workflows"
    return [
        Figure(
            name="backorders from start to shipped",
            value=median(one.rate for one in real),
            unit="/s",
            beside="bare workflows with the same steps",
            beside_value=median(one.rate for one in bare),
            goal=at_least(0.6),
        ),
        Figure(
            name="events of a backorder",
            value=_mean(one.events for one in _backorders(real)),
            unit="each",
            beside=beside,
            beside_value=_mean(one.events for one in _backorders(bare)),
            goal=at_most(40, "value"),
        ),
        Figure(
            name="events of a purchase order",
            value=_mean(one.events for one in _orders(real)),
            unit="each",
            beside=beside,
            beside_value=_mean(one.events for one in _orders(bare)),
        ),
        Figure(
            name="bytes of a backorder",
            value=_mean(one.size for one in _backorders(real)),
            unit="each",
            beside=beside,
            beside_value=_mean(one.size for one in _backorders(bare)),
        ),
        Figure(
            name="bytes of a purchase order",
            value=_mean(one.size for one in _orders(real)),
            unit="each",
            beside=beside,
            beside_value=_mean(one.size for one in _orders(bare)),
        ),
        Figure(
            name="billable actions with share of the order",
            value=_mean(one.actions for one in real),
            unit="each",
            beside=beside,
            beside_value=_mean(one.actions for one in bare),
            goal=at_most(12, "value"),
        ),
        Figure(
            name="worker's processor time",
            value=_mean(one.processor_ms("worker") for one in real),
            unit="ms",
            beside=beside,
            beside_value=_mean(one.processor_ms("bare") for one in bare),
        ),
    ]


def _mean(numbers: Iterable[float]) -> float:
    return round(mean(numbers), 2)


def _backorders(sides: Sequence[Workflows]) -> list[Counted]:
    return [history for one in sides for history in one.backorders]


def _orders(sides: Sequence[Workflows]) -> list[Counted]:
    return [history for one in sides for history in one.orders]


def _by_server(sides: Sequence[Workflows]) -> dict[str, float]:
    """The server's own count of actions, a backorder with its share of the order, by the server's own names."""
    names = sorted({name for one in sides for name in one.round.actions})
    found = {name: _mean(one.round.actions.get(name, 0.0) / one.number for one in sides) for name in names}
    return {"all": round(sum(found.values()), 2), **found}


def _by_process(sides: Sequence[Workflows]) -> dict[str, float]:
    kinds = sorted({kind for one in sides for kind in one.round.processor})
    return {kind: _mean(one.processor_ms(kind) for one in sides) for kind in kinds}
