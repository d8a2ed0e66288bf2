"""A checkout's folder with a running `promisekeeper dev`, in which a reader's commands are typed."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from devstack.settings import StackSettings
from domain.errors import NotFound
from domain.names import is_po_number
from ledger import backorders, purchase_orders
from ledger.book import Ledger
from tests.docs.readme import ROOT
from tests.patience import PATIENCE

_PORTS = [name for name in StackSettings.model_fields if name.endswith("_port") and name != "postgres_port"]


class Typed(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str
    statuses: list[int]
    """Of the requests that it made with curl."""


class Terminal:
    """A shell in a folder, with the ports of this test's stack in the place of the usual ones."""

    def __init__(self, checkout: Path, folder: Path, ports: dict[str, int]) -> None:
        self.folder = folder
        self._checkout = checkout
        self._ports = ports

    def moved(self, text: str) -> str:
        """The text with every address of the usual ports led to this stack."""
        for name, number in self._ports.items():
            usual = StackSettings.model_fields[name].default
            text = re.sub(rf"(127\.0\.0\.1|localhost):{usual}\b", rf"\1:{number}", text)
        return text

    @property
    def environment(self) -> dict[str, str]:
        """What the shell of somebody who has set nothing would hold; Temporal's own command finds the stack by it."""
        plain = {
            name: value for name, value in os.environ.items() if not name.startswith(("PROMISEKEEPER_", "TEMPORAL_"))
        }
        return {
            **plain,
            "PATH": f"{self._checkout / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "CURL_STATUSES": str(self._checkout / "statuses"),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self._ports['temporal_port']}",
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "COLUMNS": "200",
        }

    @property
    def port_options(self) -> list[str]:
        """The ports as options of `promisekeeper dev`."""
        return [word for name, number in self._ports.items() for word in (f"--{name.replace('_', '-')}", str(number))]

    def write(self, name: str, text: str) -> None:
        """Save a file of the README in the folder."""
        (self.folder / name).write_text(self.moved(text) + "\n")

    def type(self, commands: str) -> Typed:
        """Run lines of shell; the first that fails ends them."""
        statuses = self._checkout / "statuses"
        statuses.write_text("")
        ended = subprocess.run(
            ["sh", "-euc", self.moved(commands)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Typed(ended.returncode, ended.stdout, ended.stderr, [int(one) for one in statuses.read_text().split()])

    def status(self, one: str) -> dict[str, Any]:
        """Where a backorder or purchase order stands; empty while it is not known."""
        environment = json.loads((self.folder / ".promisekeeper" / "environment.json").read_text())
        return asyncio.run(_position(environment["PROMISEKEEPER_LEDGER_DSN"], one))

    def until(self, one: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until a backorder or purchase order stands as wanted."""
        deadline = time.monotonic() + PATIENCE
        while not ((found := self.status(one)) and holds(found)):
            assert time.monotonic() < deadline, f"it did not happen; {one} stands at {found}"
            time.sleep(0.5)  # each look opens the ledger anew
        return found

    def mails(self, to: str) -> list[str]:
        """The subjects of the mails that a customer got."""
        answer = httpx.get(
            f"http://127.0.0.1:{self._ports['mail_port']}/api/mails", params={"to": to}, trust_env=False, timeout=10
        )
        return [mail["subject"] for mail in answer.json()]


async def _position(dsn: str, one: str) -> dict[str, Any]:
    async with await Ledger.open(dsn, size=1) as ledger:
        try:
            if is_po_number(one):
                return (await purchase_orders.position(ledger, one)).model_dump(mode="json")
            story = [line.model_dump(mode="json") for line in await backorders.story(ledger, one)]
            return (await backorders.position(ledger, one)).model_dump(mode="json") | {"story": story}
        except NotFound:
            return {}


@contextmanager
def checkout(made: Path, free_port: Callable[[], int]) -> Generator[Terminal]:
    """A folder that looks like a checkout after `make run` has made its `.venv`; nothing runs in it yet."""
    (made / ".venv").symlink_to(sys.prefix)
    shutil.copytree(ROOT / "examples", made / "examples")
    (made / "bin").mkdir()
    curl = made / "bin" / "curl"
    curl.write_text(
        f"#!{sys.executable}\nimport runpy\nrunpy.run_path({str(ROOT / 'tests/docs/curl.py')!r}, run_name='__main__')\n"
    )
    curl.chmod(0o755)
    try:
        yield Terminal(made, made, {name: free_port() for name in _PORTS})
    finally:
        shutil.rmtree(made)


@contextmanager
def running(terminal: Terminal, command: str) -> Generator[list[str]]:
    """Run `promisekeeper dev` in the terminal's folder until the block ends; yields what it says, as it says it."""
    said: list[str] = []
    up = threading.Event()
    with subprocess.Popen(
        ["sh", "-c", f'exec {command} "$@"', "dev", *terminal.port_options],
        cwd=terminal.folder,
        env=terminal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:

        def listen() -> None:
            for line in process.stdout or ():
                said.append(line)
                if line.startswith("backorders:"):
                    up.set()
            up.set()

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            assert up.wait(timeout=120), "".join(said)
            assert process.poll() is None, "".join(said)
            yield said
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=PATIENCE)
            listener.join()
    assert process.returncode == 0, "".join(said)
