"""A folder for stacks to live in."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the test's own that others may pass, as PostgreSQL has to when the tests run as root.

    Not `tmp_path`: every pytest that starts meanwhile closes the folder above those again.
    """
    made = Path(tempfile.mkdtemp(prefix="pk-"))
    yield made
    shutil.rmtree(made)
