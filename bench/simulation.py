"""What a bigger machine would carry: arithmetic from measured figures, where the machine at hand ends.

Nothing here is measured. Each result is a limit from one resource, and the smallest limit is the first wall. What is
assumed is written down in `Assumptions`, with its source, and can be changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import cast

from bench.figures import Value

DAY = 86_400


class Assumptions(Value):
    """What is believed of a production machine and of a working day."""

    utilisation: float = 0.6
    """How far a resource is loaded in the busiest hour: above about 0.7 of a single server, waiting doubles and more
    (M/M/1: mean time in it is service time / (1 - utilisation))."""
    busiest_hour: float = 0.12
    """Share of a day's backorders that its busiest hour brings."""
    shard_writes: float = 80
    """State transitions a second of one history shard: each is one conditional write to the database, and a shard makes
    them one at a time; about 10 ms a write with its queue."""
    transitions_per_event: float = 0.75
    """A transition commits one or several events together."""
    core_factor: float = 1.0
    """Speed of a production core beside one of the machine that was measured."""


class Measured(Value):
    """What a run found, a backorder, with its share of the purchase order. Times are seconds."""

    worker_seconds: float
    """Processor time of workers."""
    temporal_seconds: float
    """Of the Temporal server. The dev server's, with SQLite in the same process: a cluster's own is of that order."""
    ledger_seconds: float
    """Of PostgreSQL."""
    gateway_seconds: float
    events: float
    hot_joins: float
    """Joins a second onto one purchase order, which are those of one SKU: its lock lets one at a time."""
    allocation_seconds: float
    """Of one backorder in a receipt, during which its SKU is locked."""
    tells: float
    """Signals a second of one client."""


class Cluster(Value):
    """Processor cores and shards of an installation."""

    name: str
    workers: int
    """Cores for worker processes, one each."""
    temporal: int
    ledger: int
    gateway: int
    shards: int


class Wall(Value):
    """What one resource carries."""

    resource: str
    per_second: float
    """Backorders, from start to shipped."""


CLUSTERS = (
    Cluster(name="one machine", workers=2, temporal=2, ledger=2, gateway=1, shards=4),
    Cluster(name="small", workers=8, temporal=8, ledger=4, gateway=2, shards=512),
    Cluster(name="medium", workers=32, temporal=32, ledger=16, gateway=8, shards=512),
    Cluster(name="large", workers=128, temporal=128, ledger=64, gateway=32, shards=4096),
)


def measured(details: Mapping[str, Mapping[str, object]], figures: Mapping[str, float]) -> Measured:
    """Pick what is needed out of a report.

    Args:
        details: of each bench, by its name.
        figures: values by the figures' names.

    Raises:
        KeyError: the run had not all of lifecycle, merge and fanout.
    """
    processor = cast("Mapping[str, float]", details["lifecycle"]["processor_ms_of_a_backorder"])
    seconds = {kind: ms / 1000 for kind, ms in processor.items()}
    per_po = float(str(details["lifecycle"]["orders_on_a_po"]))
    receipt = next(name for name in figures if name.startswith("one allocation for"))
    number = int(receipt.split()[3].replace(",", ""))
    return Measured(
        worker_seconds=seconds["worker"],
        temporal_seconds=seconds["temporal"],
        ledger_seconds=seconds["postgres"],
        gateway_seconds=seconds["gateway"],
        events=figures["events of a backorder"] + figures["events of a purchase order"] / per_po,
        hot_joins=figures["joins to one purchase order"],
        allocation_seconds=figures[receipt] / number,
        tells=figures["signals that tell of it"],
    )


def walls(cluster: Cluster, found: Measured, assumed: Assumptions | None = None) -> list[Wall]:
    """What each resource of a cluster carries, the first wall first."""
    believed = assumed or Assumptions()

    def cores(number: int, seconds: float) -> float:
        return number * believed.core_factor * believed.utilisation / seconds if seconds else math.inf

    transitions = found.events * believed.transitions_per_event
    limits = [
        Wall(resource="workers", per_second=cores(cluster.workers, found.worker_seconds)),
        Wall(resource="Temporal's processors", per_second=cores(cluster.temporal, found.temporal_seconds)),
        Wall(resource="PostgreSQL's processors", per_second=cores(cluster.ledger, found.ledger_seconds)),
        Wall(resource="gateways", per_second=cores(cluster.gateway, found.gateway_seconds)),
        Wall(
            resource="history shards",
            per_second=cluster.shards * believed.shard_writes * believed.utilisation / transitions,
        ),
    ]
    return sorted(limits, key=lambda wall: wall.per_second)


def hot_sku(found: Measured, assumed: Assumptions | None = None) -> float:
    """Backorders a second of one SKU: each holds its lock once to join, and its share of a receipt's time."""
    believed = assumed or Assumptions()
    return believed.utilisation * believed.core_factor / (1 / found.hot_joins + found.allocation_seconds)


def seconds_to_tell(backorders: int, found: Measured) -> float:
    """Until the last of so many has been told of one receipt, by the one activity that tells them."""
    return backorders / found.tells


def waiting_at(load: float, capacity: float, service_seconds: float) -> float:
    """Mean seconds in a queue with one server (M/M/1), service included; endless from its capacity on."""
    return service_seconds / (1 - load / capacity) if load < capacity else math.inf


def a_day(per_second: float, assumed: Assumptions | None = None) -> float:
    """Backorders a day whose busiest hour is just carried."""
    believed = assumed or Assumptions()
    return per_second * 3600 / believed.busiest_hour


def told_in_words(found: Measured, assumed: Assumptions | None = None) -> list[tuple[str, ...]]:
    """Rows for `docs/scale.md`: cluster, first wall, backorders a second and a day, the wall behind it."""
    rows: list[tuple[str, ...]] = []
    for cluster in CLUSTERS:
        first, second = next(pairwise(walls(cluster, found, assumed)))
        rows.append(
            (
                cluster.name,
                first.resource,
                f"{first.per_second:,.0f}",
                f"{a_day(first.per_second, assumed):,.0f}",
                f"{second.resource} at {second.per_second:,.0f}/s",
            )
        )
    return rows
