"""The example connector as a third party's package: installed, found by its entry point, and judged by the kit."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.connectors.testing.conftest import EXAMPLE
from tests.patience import PATIENCE

PAGE = EXAMPLE.parents[1] / "docs" / "writing-a-connector.md"
FOUND = """
from connectors.suppliers.interface import connector_class, installed
found = connector_class("ndjson")
print(found.__module__, found.manifest.grade, "ndjson" in installed())
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the package in it, installed as pip does, without a network."""
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(EXAMPLE, source)  # a build leaves its traces
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", target, source], check=True, timeout=PATIENCE
    )
    return target


def in_there(installed: Path, *command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_it_is_found_by_its_entry_point_and_reaches_gold(installed: Path, tmp_path: Path) -> None:
    found = in_there(installed, "-c", FOUND, folder=tmp_path)
    assert found.stdout.split() == ["promisekeeper_ndjson", "gold", "True"], found.stderr
    tests = tmp_path / "tests"
    shutil.copytree(EXAMPLE / "tests", tests)
    plugin = ("-p", "no:promisekeeper", "-p", "connectors.testing.plugin", "-p", "no:schemathesis")
    ini = ("-c", os.devnull, "--rootdir", str(tests), "-o", "asyncio_default_fixture_loop_scope=function")
    ran = in_there(installed, "-m", "pytest", *plugin, *ini, str(tests), folder=tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert "TestNdjson: GOLD (" in ran.stdout
    assert "0 skipped)" in ran.stdout
    measured = PAGE.read_text().partition("::TestNdjson: ")[2].partition("```")[0]
    assert measured in ran.stdout.partition("::TestNdjson: ")[2], "the page shows what is printed, whole"
    assert "    " not in ran.stdout.partition(measured)[2]


def test_the_walk_through_shows_the_connector_as_it_is() -> None:
    page = PAGE.read_text()
    code = (EXAMPLE / "promisekeeper_ndjson.py").read_text()
    shown = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    taken = [block for block in shown if block.startswith(("class", "    ", "def", "LARGEST"))]
    assert len(taken) >= 5
    assert [block for block in taken if block.rstrip() not in code] == []
    lines = [line for line in code.split('"""', 2)[2].splitlines() if line.strip()]
    assert len(lines) < 100
