"""`/metrics` for Prometheus: the books in figures, and how the doors answer. Names and meanings: docs/monitoring.md.

It has an address of its own (PROMISEKEEPER_METRICS_ADDRESS) and no key, exactly as the worker's: who can reach that
address may read. The public port never shows figures, whatever proxy stands before it, and Prometheus need not hold
the API key, with which it could hand in orders. The books are read at a scrape, but not again for KEPT_FOR, however
many ask; one that cannot be read says so as `promisekeeper_ledger_readable 0` instead of failing the scrape.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPMethod
from time import monotonic

import psycopg
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout
from pydantic import ValidationError

from domain.backorder_position import Status
from domain.purchase_order_position import PurchaseOrderStatus
from domain.values import CURRENCY_DIGITS
from gateway.connections import Connections
from ledger.book import Ledger
from ledger.figures import PATIENCE_MS, Figures, Need, Queue, Silence, Spread, figures

KEPT_FOR = 10.0
"""Seconds for which figures once read are shown again."""

MOST_SUPPLIERS = 100
"""Suppliers that get figures of their own, the most silent ones first; the others are one, called OTHERS."""
OTHERS = "(others)"

_METHODS = frozenset(HTTPMethod)

answered = Histogram(
    "promisekeeper_gateway_request_duration_seconds",
    "Time from a request to the end of its answer, by method, pattern of the path, and status.",
    ["method", "route", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=None,
)
"""A method nobody knows and a path that leads nowhere are one label each: strangers must not make up series."""

log = logging.getLogger(__name__)


def note_answer(method: str, route: str, status: int, seconds: float) -> None:
    """A request was answered."""
    answered.labels(method if method in _METHODS else "other", route, str(status)).observe(seconds)


@asynccontextmanager
async def served(connections: Connections) -> AsyncGenerator[None, None]:
    """Serve the metrics for as long as the gateway runs, if it was given an address for them.

    Raises:
        OSError: the address cannot be bound.
    """
    address = connections.settings.metrics_address
    if not address:
        yield
        return
    registry = CollectorRegistry()
    registry.register(ProcessCollector(registry=None))
    registry.register(answered)
    registry.register(Books(connections.ledger, asyncio.get_running_loop()))
    host, _, port = address.rpartition(":")
    server, thread = start_http_server(int(port), host.strip("[]"), registry)
    log.info("metrics are at http://%s/metrics", address)
    try:
        yield
    finally:
        # in a thread: a scrape that is under way still needs this loop
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(thread.join)


class Books(Collector):
    """The figures of `ledger.figures` as metrics."""

    def __init__(self, ledger: Ledger, loop: asyncio.AbstractEventLoop) -> None:
        """Read that ledger, in that loop; scrapes come in threads of their own."""
        self._ledger, self._loop = ledger, loop
        self._reading: Future[Figures | None] | None = None
        self._read_at = 0.0

    def describe(self) -> list[Metric]:
        """Nothing beforehand: the books are read by a scrape, not by the start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        # Two scrapes that begin together may both read: harmless, and rarer than a lock is wrong.
        if self._reading is None or (self._reading.done() and monotonic() - self._read_at > KEPT_FOR):
            self._reading, self._read_at = asyncio.run_coroutine_threadsafe(self._read(), self._loop), monotonic()
        try:
            read = self._reading.result(timeout=2 * PATIENCE_MS / 1000)
        except TimeoutError:
            read = None
        yield GaugeMetricFamily(
            "promisekeeper_ledger_readable",
            "1 if the figures could be read from the ledger, else 0 and they are left out.",
            value=int(read is not None),
        )
        if read is not None:
            yield from in_metrics(read)

    async def _read(self) -> Figures | None:
        try:
            return await figures(self._ledger, now=datetime.now(UTC))
        except (psycopg.Error, PoolTimeout, ValidationError) as failure:
            log.warning("the ledger does not give its figures: %s", type(failure).__name__)
            return None


def in_metrics(read: Figures) -> Iterator[Metric]:
    """Every figure as a metric. A state that none is in is 0 and not absent, so that alerts see it end."""
    yield _counted(
        "promisekeeper_backorders_open",
        "Open backorders by derived status.",
        "status",
        {status.value: read.backorders.get(status, 0) for status in Status},
    )
    yield _spread("promisekeeper_backorder_age_seconds", "Age of open backorders since acceptance.", read.ages)
    yield GaugeMetricFamily(
        "promisekeeper_backorder_oldest_age_seconds", "Age of the oldest open backorder.", value=read.ages.longest
    )
    yield _counted(
        "promisekeeper_backorders_late",
        "Open backorders whose promised day has passed: the first promise, or the current one.",
        "promise",
        {"first": read.late_of_first, "current": read.late_of_current},
    )
    yield GaugeMetricFamily(
        "promisekeeper_backorders_undated", "Open backorders that have no promised day.", value=read.undated
    )
    yield GaugeMetricFamily(
        "promisekeeper_backorders_past_legal_deadline",
        "Open backorders past the day by which the law wants them shipped.",
        value=read.past_law,
    )
    yield _counted(
        "promisekeeper_promises_7d",
        "Promises of backorders closed in the last 7 days: kept, shipped late, or broken by seller or law.",
        "outcome",
        {"kept": read.kept, "late": read.shipped_late, "broken": read.broken},
    )
    yield _counted(
        "promisekeeper_purchase_orders_open",
        "Purchase orders that are not over, by derived status.",
        "status",
        {status.value: read.purchase_orders.get(status, 0) for status in PurchaseOrderStatus if status not in _OVER},
    )
    yield _spread(
        "promisekeeper_acknowledgement_7d_seconds",
        "Time from sending to the supplier's acknowledgement, of purchase orders acknowledged in the last 7 days.",
        read.acknowledged,
    )
    yield from _silence(_most_silent(read.silence))
    yield from _refunds(read)
    yield from _waiting(
        "promisekeeper_attention",
        "What operators are asked for",
        ("subject", "need"),
        {
            (subject, need.value): read.attention.get((subject, need), Queue())
            for subject in ("backorder", "purchase_order")
            for need in Need
        },
    )
    yield from _waiting(
        "promisekeeper_announcements_owed", "Words that workflows are still to be told", (), {(): read.untold}
    )
    yield from _waiting(
        "promisekeeper_supplier_events_unapplied",
        "Events of suppliers that are kept and not yet in the books",
        (),
        {(): read.unapplied},
    )
    yield from _waiting(
        "promisekeeper_supplier_messages_unread",
        "Messages of suppliers that nobody could read, or that concern no order, and that no person has seen to",
        (),
        {(): read.unread},
    )


_OVER = {PurchaseOrderStatus.CLOSED, PurchaseOrderStatus.REJECTED, PurchaseOrderStatus.CANCELLED}


def _counted(name: str, meaning: str, label: str, counts: Mapping[str, float]) -> Metric:
    metric = GaugeMetricFamily(name, meaning, labels=[label])
    for value, count in counts.items():
        metric.add_metric([value], count)
    return metric


def _spread(name: str, meaning: str, spread: Spread) -> Metric:
    buckets, below = list[tuple[str, float]](), 0
    for bound, count in zip((*map(str, spread.bounds), "+Inf"), spread.counts, strict=True):
        below += count
        buckets.append((bound, below))
    return GaugeHistogramMetricFamily(name, meaning, buckets=buckets, gsum_value=spread.total)


def _waiting(
    name: str, meaning: str, labels: tuple[str, ...], queues: Mapping[tuple[str, ...], Queue]
) -> Iterator[Metric]:
    number = GaugeMetricFamily(name, f"{meaning}: how many.", labels=labels)
    oldest = GaugeMetricFamily(f"{name}_oldest_seconds", f"{meaning}: since when the oldest waits.", labels=labels)
    for values, queue in queues.items():
        number.add_metric(values, queue.number)
        oldest.add_metric(values, queue.seconds)
    yield from (number, oldest)


def _silence(suppliers: Mapping[str, Silence]) -> Iterator[Metric]:
    of_each: tuple[tuple[str, str, Callable[[Silence], float]], ...] = (
        (
            "orders_unacknowledged",
            "Purchase orders that the supplier has and did not acknowledge.",
            lambda s: s.waiting,
        ),
        ("orders_silent", "Of these, those past the time the supplier is given.", lambda s: s.silent),
        ("silence_seconds", "Since when the oldest of these was sent.", lambda s: s.longest),
    )
    for name, meaning, figure in of_each:
        counts = {supplier_id: figure(silence) for supplier_id, silence in suppliers.items()}
        yield _counted(f"promisekeeper_supplier_{name}", meaning, "supplier", counts)


def _most_silent(suppliers: Mapping[str, Silence]) -> dict[str, Silence]:
    ranked = sorted(suppliers.items(), key=lambda one: (-one[1].silent, -one[1].longest, one[0]))
    shown = dict(ranked[:MOST_SUPPLIERS])
    if rest := [silence for _, silence in ranked[MOST_SUPPLIERS:]]:
        shown[OTHERS] = Silence(
            waiting=sum(one.waiting for one in rest),
            silent=sum(one.silent for one in rest),
            longest=max(one.longest for one in rest),
        )
    return shown


def _refunds(read: Figures) -> Iterator[Metric]:
    number = GaugeMetricFamily(
        "promisekeeper_refunds", "Backorders with money to give back: all, and those past their day.", labels=_DUE
    )
    money = GaugeMetricFamily(
        "promisekeeper_refunds_amount", "The money to give back, in units of its currency.", labels=_DUE
    )
    for currency in CURRENCY_DIGITS:
        refunds = read.refunds.get(currency)
        for due, count, amount in (
            ("due", refunds.due if refunds else 0, refunds.amount if refunds else 0),
            ("overdue", refunds.overdue if refunds else 0, refunds.overdue_amount if refunds else 0),
        ):
            number.add_metric([currency, due], count)
            money.add_metric([currency, due], float(amount))
    yield from (number, money)


_DUE = ("currency", "state")
