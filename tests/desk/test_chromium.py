"""Which browser is driven, and what is said when there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.desk import chromium


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it, and no program anywhere else."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(chromium.VARIABLE, raising=False)
    monkeypatch.setattr(chromium, "ON_MACOS", str(tmp_path / "no.app"))
    return tmp_path


def _program(path: Path) -> str:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_chromium_is_taken_before_chrome(programs: Path) -> None:
    assert chromium.find() is None
    chrome = _program(programs / "google-chrome")
    assert chromium.find() == chrome
    assert chromium.find() != _program(programs / "chromium") == chromium.find()


def test_the_variable_comes_first_and_must_name_a_program(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(programs / "chromium")
    monkeypatch.setenv(chromium.VARIABLE, _program(programs / "mine"))
    assert chromium.find() == str(programs / "mine")
    monkeypatch.setenv(chromium.VARIABLE, "/nowhere/chromium")
    with pytest.raises(chromium.NotAProgramError, match="/nowhere/chromium"):
        chromium.find()


@pytest.mark.parametrize(("ci", "code", "said"), [("", 0, "are skipped"), ("true", 1, "install one")])
def test_where_none_can_be_had_it_says_so_and_only_ci_fails(programs: Path, ci: str, code: int, said: str) -> None:
    ended = subprocess.run(
        [sys.executable, chromium.__file__],
        env={"PATH": str(programs), "CI": ci},  # no apt-get on it either
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code
    assert said in ended.stderr and "install one" in ended.stderr
