"""A run of pytest with the kit over one connector, as its author would run it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "connector"

HEAD = """
import connectors_to_judge as them
import pytest
from test_conformance import TestNdjson as Example
"""

SUITE = """
class Test{connector}(Example):
    {body}

    @pytest.fixture
    def peer(self, tmp_path):
        return them.{peer}(tmp_path / "acme")

    @pytest.fixture
    def connector(self, peer):
        return them.{connector}(peer.supplier_id, peer.settings)
"""


def suite(connector: str, *, peer: str = "Folder", body: str = "") -> str:
    """A suite for a connector of `connectors_to_judge`."""
    return SUITE.format(connector=connector, peer=peer, body=body)


Judge = Callable[..., pytest.RunResult]


@pytest.fixture
def judge(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Runs the kit over such suites, all of them or what the options of pytest choose."""
    paths = [EXAMPLE, EXAMPLE / "tests", Path(__file__).parent, *filter(None, sys.path)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    def run(suites: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_judged=HEAD + suites)
        # as an entry point the plugin has a name; here it may not be installed as one yet
        plugin = ("-p", "no:promisekeeper", "-p", "connectors.testing.plugin", "-p", "no:schemathesis")
        return pytester.runpytest_subprocess(*plugin, "-rf", "--tb=short", "--write-golden", *options)

    return run
