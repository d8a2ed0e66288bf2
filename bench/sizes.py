"""How much is measured: `tiny` proves that everything works, `small` takes minutes, `full` is for docs/scale.md."""

from __future__ import annotations

from bench.figures import Value


class Size(Value):
    """The numbers of one size."""

    name: str
    lifecycles: int
    """Backorders of one timed round."""
    warm_up: int
    rounds: int
    """Timed rounds of the product and of its floor, in turn; the median counts."""
    orders_on_a_po: int
    """Shares after which a purchase order of the lifecycle bench leaves."""
    joins: int
    update_joins: int
    """Joins by update-with-start, which are slow at 50 at once; they also end after `update_seconds`."""
    update_seconds: float
    receipt: int
    """Backorders that wait for one receipt."""
    parked: tuple[int, ...]
    """Waiting backorders, rising; the first is what the others stand beside."""
    wakes: int
    """Backorders woken, of which the median counts."""
    open: tuple[int, int]
    """Open backorders at a cold start: few, many."""
    cold_starts: int
    workers: tuple[int, ...]
    history: tuple[int, ...]
    """Closed backorders in the ledger, rising."""
    probes: int
    """Merges timed one by one at each size of the ledger."""
    probe_receipt: int
    """Backorders of the receipts timed at each size of the ledger."""
    document_lines: tuple[int, ...] = (3, 500)
    """Lines of the documents that are read and written beside other libraries."""
    document_rounds: int
    document_seconds: float
    """Processor time of one turn."""
    long_documents: tuple[int, ...] = (1_250, 2_500, 5_000, 10_000)
    """Lines of the documents that time and memory are held against, rising."""


TINY = Size(
    name="tiny",
    lifecycles=4,
    warm_up=1,
    rounds=1,
    orders_on_a_po=2,
    joins=60,
    update_joins=20,
    update_seconds=3,
    receipt=40,
    parked=(2, 4),
    wakes=2,
    open=(1, 3),
    cold_starts=1,
    workers=(1, 2),
    history=(20, 60),
    probes=5,
    probe_receipt=10,
    document_lines=(3, 20),
    document_rounds=1,
    document_seconds=0.01,
    long_documents=(50, 100, 200),
)
SMALL = Size(
    name="small",
    lifecycles=60,
    warm_up=10,
    rounds=2,
    orders_on_a_po=10,
    joins=1_000,
    update_joins=500,
    update_seconds=15,
    receipt=1_000,
    parked=(200, 500, 1_000),
    wakes=9,
    open=(20, 200),
    cold_starts=2,
    workers=(1, 2),
    history=(1_000, 10_000),
    probes=50,
    probe_receipt=200,
    document_rounds=5,
    document_seconds=0.05,
)
FULL = Size(
    name="full",
    lifecycles=400,
    warm_up=40,
    rounds=3,
    orders_on_a_po=20,
    joins=5_000,
    update_joins=2_000,
    update_seconds=60,
    receipt=5_000,
    parked=(500, 5_000, 20_000),
    wakes=25,
    open=(50, 5_000),
    cold_starts=3,
    workers=(1, 2, 4),
    history=(1_000, 10_000, 100_000),
    probes=300,
    probe_receipt=1_000,
    document_rounds=11,
    document_seconds=0.06,
)
SIZES = {size.name: size for size in (TINY, SMALL, FULL)}
