"""An edit that gives other commands than before is noticed at once, before any history is replayed."""

import ast
import difflib

import pytest

from tests.replay import fingerprint

WHAT_TO_DO = """
The commands of a workflow, or the rules that choose them, are not what they were:

{difference}

Executions that began before this edit run for weeks, and replay their histories through this very code. Ask yourself:
would one of them now give another command (a step, a timer, an upsert, a continue-as-new), or in another order?
  - Yes: keep the old way for them, with `workflow.patched("...")`: docs/changing-workflows.md.
  - No, or it is patched: `make fingerprint`, look at the difference once more, and commit it with the edit.
"""


def test_workflows_give_the_commands_that_were_agreed() -> None:
    before, now = fingerprint.COMMITTED.read_text(), fingerprint.fingerprint()
    difference = "\n".join(
        difflib.unified_diff(before.splitlines(), now.splitlines(), "before", "now", lineterm="", n=1)
    )
    assert before == now, WHAT_TO_DO.format(difference=difference)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("await self._step(Do.look, 1)", "await self._step(Do.accept, 1)"),
        ("await self._step(Do.look, 1)", "if self._open:\n    await self._step(Do.look, 1)"),
        ("if self._open:\n    await self._look()", "if self._closed:\n    await self._look()"),
        ("await self._look()\nawait self._wait_for(duty)", "await self._wait_for(duty)\nawait self._look()"),
        ("await workflow.sleep(1)", "pass"),
    ],
)
def test_other_commands_make_another_fingerprint(before: str, after: str) -> None:
    assert _outline(before) != _outline(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("await self._step(Do.look, 1, 'look at the ledger')", "await self._step(Do.look, 2, 'see how it stands')"),
        ("await self._look()", "'''Say why.'''\nawait self._look()"),
        (
            "if self._open == 'a word or two':\n    await self._look()",
            "if self._open == 'other words':\n    await self._look()",
        ),
        ("await self._look()", "total = self._count + 1\nawait self._look()"),
    ],
)
def test_words_and_sums_do_not(before: str, after: str) -> None:
    assert _outline(before) == _outline(after)


def _outline(body: str) -> list[str]:
    giving = fingerprint.COMMANDS | {"_step", "_look", "_wait_for"}
    return list(fingerprint._outline(ast.parse(body).body, giving, ""))
