"""The demo of the README's second half: `promisekeeper dev` with the example catalogue, and no sample orders yet."""

import json
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.docs.readme import blocks
from tests.docs.world import Terminal, checkout, running


@pytest.fixture(scope="session")
def readme() -> dict[str, str]:
    """The README's marked blocks by name."""
    return blocks()


@pytest.fixture
def empty_checkout(unused_tcp_port_factory: Callable[[], int]) -> Iterator[Terminal]:
    """A terminal in a checkout where nothing runs."""
    # not tmp_path: PostgreSQL has to pass the folders above, which pytest closes to others
    with checkout(Path(tempfile.mkdtemp(prefix="pk-")), unused_tcp_port_factory) as terminal:
        yield terminal


@pytest.fixture(scope="module")
def demo(unused_tcp_port_factory: Callable[[], int]) -> Iterator[Terminal]:
    """A terminal beside a running demo, shared by a module: every example has ids of its own."""
    with checkout(Path(tempfile.mkdtemp(prefix="pk-")), unused_tcp_port_factory) as terminal:
        _collect_until_released(terminal.folder / "examples" / "catalogue.json")
        with running(terminal, ".venv/bin/promisekeeper dev --no-samples"):
            yield terminal


def _collect_until_released(catalogue: Path) -> None:
    """The example's orders leave within a minute or two, as a demo's must; the reader of a test may be slower."""
    content = json.loads(catalogue.read_text())
    passed = f"{datetime.now(UTC) - timedelta(hours=1):%H:%M:%S}"
    for supplier in content["suppliers"]:
        supplier["collect_at_most"] = "P1D"
        supplier["cut_off"] = {"times": [passed], "weekdays": list(range(7))}
    catalogue.write_text(json.dumps(content))
