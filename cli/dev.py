"""`promisekeeper dev`: the whole demo on this machine, and a table of how it is going.

What runs and how it is kept running is devstack's; here is what the person at the terminal gives and sees.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, LiteralString

import httpx
import psycopg
from cyclopts import Parameter
from pydantic import TypeAdapter, ValidationError
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.catalogue import read_catalogue
from cli.errors import CommandFailed
from cli.field_errors import in_words
from cli.terminal import plain, table
from connectors.rest import trusted
from devstack.ownership import FolderTakenError
from devstack.ports import HOST, PortTakenError
from devstack.postgres import PostgresUnusableError
from devstack.processes import PartFailedError, State, Supervisor
from devstack.running import run
from devstack.settings import StackSettings
from devstack.stack import Habits, Stack
from devstack.temporal_server import TemporalUnusableError
from domain.catalogue import Catalogue
from ledger.overview import Overview

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
_LOOK_EVERY = 1.0
"""Seconds between two looks at the gateway's overview."""
_COLOURS = {State.UP: "green", State.DOWN: "red"}


def dev(
    *,
    folder: Path | None = None,
    samples: bool = True,
    catalogue: Path = EXAMPLES / "catalogue.json",
    orders: Path = EXAMPLES / "orders.csv",
    temporal_port: int | None = None,
    ui_port: int | None = None,
    gateway_port: int | None = None,
    supplier_port: int | None = None,
    payment_port: int | None = None,
    carrier_port: int | None = None,
    smtp_port: int | None = None,
    mail_port: int | None = None,
    postgres_port: Annotated[int | None, Parameter(help="0: by Unix socket only.")] = None,
) -> None:
    """Run everything on this machine until Ctrl-C; the next run goes on where this one stopped.

    Every port can also be set by an environment variable, such as PROMISEKEEPER_DEV_GATEWAY_PORT.

    Args:
        folder: Keeps databases, logs and secrets. [default: .promisekeeper]
        samples: Submit the orders file if there are no backorders yet.
        catalogue: Suppliers and items, loaded if the ledger has none.
        orders: The orders file.
        temporal_port: Temporal's gRPC port. [default: 7233]
        ui_port: The Temporal UI. [default: 8233]
        gateway_port: Our HTTP door. [default: 8080]
        supplier_port: The simulated suppliers. [default: 8090]
        payment_port: The simulated payment provider. [default: 8091]
        carrier_port: The simulated carrier. [default: 8092]
        smtp_port: Where the mail catcher takes mail. [default: 1025]
        mail_port: Where the mail catcher shows it. [default: 8025]
        postgres_port: PostgreSQL on loopback. [default: 0]
    """
    given = {
        name: value for name, value in locals().items() if name in StackSettings.model_fields and value is not None
    }
    console = Console()
    try:
        stack = Stack(
            _settings(given), read_catalogue(catalogue), _habits(catalogue.with_name("simulated_suppliers.json"))
        )
        screen = Screen(console, stack, orders)

        async def once_up(supervisor: Supervisor) -> None:
            await _load(stack, catalogue, orders if samples else None, screen)
            screen.addresses()
            await screen.show(supervisor)

        asyncio.run(run(stack.folder, stack.settings.ports, stack.parts, screen.tell, once_up))
    except OSError as unusable:
        named = unusable.strerror and unusable.filename
        raise CommandFailed(
            f"{unusable.filename} cannot be used: {unusable.strerror}" if named else str(unusable)
        ) from unusable
    except (
        FolderTakenError,
        PortTakenError,
        PartFailedError,
        PostgresUnusableError,
        TemporalUnusableError,
        ValidationError,
    ) as error:
        raise CommandFailed(str(error)) from error


def _settings(given: Mapping[str, Any]) -> StackSettings:
    """What the options give, and the environment where they say nothing.

    Raises:
        CommandFailed: one of them is wrong; the message names it as it was given.
    """
    try:
        return StackSettings(**given)
    except ValidationError as wrong:
        said = [
            f"{_as_given(str(error['loc'][0]), given)} {error['input']}: {in_words(error)}" for error in wrong.errors()
        ]
        raise CommandFailed("\n".join(said)) from wrong


def _as_given(name: str, given: Mapping[str, Any]) -> str:
    """An option, or the environment variable that stands for it."""
    return f"--{name.replace('_', '-')}" if name in given else f"PROMISEKEEPER_DEV_{name.upper()}"


def _habits(path: Path) -> Mapping[str, Habits]:
    """How the simulated suppliers behave, from the file beside the catalogue, if there is one."""
    if not path.exists():
        return {}
    return TypeAdapter(dict[str, Habits]).validate_json(path.read_bytes())


async def _load(stack: Stack, catalogue: Path, orders: Path | None, screen: "Screen") -> None:
    """Load the catalogue into an empty ledger, and the orders if there are none.

    A ledger that has a catalogue keeps it, though an earlier release may have brought fewer suppliers: prices and
    terms may have been changed since.
    """
    if not await _any(stack.ledger_dsn, "select exists (select from item)"):
        await _our_command(stack, screen, {0}, "catalogue", "load", str(catalogue))
    elif unknown := await _unknown_suppliers(stack):
        screen.unknown(unknown, catalogue)
    if orders is not None and not await _any(stack.ledger_dsn, "select exists (select from backorder)"):
        # 1: some lines were refused, and it says which
        await _our_command(stack, screen, {0, 1}, "submit", str(orders))


async def _unknown_suppliers(stack: Stack) -> list[str]:
    """Those of the catalogue file that the ledger's catalogue lacks."""
    async with await psycopg.AsyncConnection.connect(stack.ledger_dsn) as connection:
        found = await connection.execute("select supplier_id from supplier")
        known = {supplier_id for (supplier_id,) in await found.fetchall()}
    return [one.supplier_id for one in stack.catalogue.suppliers if one.supplier_id not in known]


async def _any(dsn: str, question: LiteralString) -> bool:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        row = await (await connection.execute(question)).fetchone()
    return row == (True,)


async def _our_command(stack: Stack, screen: "Screen", good: set[int], *arguments: str) -> None:
    """Run a `promisekeeper` command as a person would, in a process of its own, and show what it says.

    Raises:
        CommandFailed: its exit code is not among the good ones.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from cli.main import main; main()", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=stack.environment,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:  # stopped meanwhile; what it has not done, the next run does
            process.terminate()
            await process.wait()
    said = output.decode(errors="replace").strip()
    if process.returncode not in good:
        raise CommandFailed(f"`promisekeeper {' '.join(arguments)}` failed:\n{said}")
    screen.tell(said)


class Screen:
    """What is shown: a live table on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console, stack: Stack, orders: Path) -> None:
        """Nothing is printed yet."""
        self._orders = os.path.relpath(orders)
        self._console = console
        self._stack = stack
        self._last = ""

    def tell(self, line: str) -> None:
        """One line, above the table if there is one."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def unknown(self, suppliers: Sequence[str], catalogue: Path) -> None:
        """Suppliers that are played and cannot be bought of, and what to do about it."""
        self.tell(f"this folder's ledger does not know {', '.join(suppliers)}; to buy of them as well:")
        self.tell(f"  {os.path.relpath(sys.argv[0])} catalogue load {os.path.relpath(catalogue)}")

    def addresses(self) -> None:
        """Where to look, and what to try next."""
        settings = self._stack.settings
        command = os.path.relpath(sys.argv[0])
        for line in (
            "",
            f"  Temporal UI    http://{HOST}:{settings.ui_port}",
            f"  gateway        {settings.gateway_url}/docs",
            f"  mail catcher   http://{HOST}:{settings.mail_port}",
            f"  suppliers      {_ways(self._stack.catalogue)}",
            "",
            "  Try, in another terminal:",
            f"    {command} status            # every backorder, and what happens to it next",
            f"    {command} status --attention  # who waits for a person, and what for",
            f"    {command} submit {self._orders}   # again: nothing is doubled",
            f"    {command} audit             # the books' laws, checked",
            "",
        ):
            self.tell(line)

    async def show(self, supervisor: Supervisor) -> None:
        """Show how it goes, until cancelled."""
        if not self._console.is_terminal:
            while True:
                self._as_line(await self._overview())
                await asyncio.sleep(_LOOK_EVERY)
        with Live(console=self._console, auto_refresh=False) as live:
            while True:
                live.update(picture(supervisor.states, await self._overview(), self._console), refresh=True)
                await asyncio.sleep(_LOOK_EVERY)

    def _as_line(self, overview: Overview | None) -> None:
        line = "the gateway does not answer"
        if overview is not None:
            line = f"backorders: {_counts(overview.backorders)}"
            if overview.attention:
                line += f"; {_attention(overview)}"
        if line != self._last:
            self.tell(line)
            self._last = line

    async def _overview(self) -> Overview | None:
        """The gateway's overview, or None while it does not answer (it may just be starting again)."""
        try:
            async with httpx.AsyncClient(trust_env=False, verify=trusted(), timeout=5) as client:
                answer = await client.get(
                    f"{self._stack.settings.gateway_url}/overview",
                    headers={"Authorization": f"Bearer {self._stack.api_key}"},
                )
        except httpx.TransportError:
            return None
        return Overview.model_validate_json(answer.content) if answer.is_success else None


def _ways(catalogue: Catalogue) -> str:
    """Who is reached by which connector."""
    ways: dict[str, list[str]] = {}
    for supplier in catalogue.suppliers:
        ways.setdefault(supplier.connector, []).append(supplier.supplier_id)
    return "; ".join(f"{', '.join(ids)} by {way}" for way, ids in ways.items())


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(numbers.items())) or "none yet"


def _attention(overview: Overview) -> str:
    """Who waits for a person, by name as far as the overview goes."""
    if not overview.attention:
        return "nothing needs attention"
    unnamed = overview.attention - len(overview.asking)
    names = ", ".join(overview.asking) + (f" and {unnamed:,} more" if unnamed else "")
    return f"{overview.attention:,} {'needs' if overview.attention == 1 else 'need'} attention: {names}"


def picture(states: Mapping[str, State], overview: Overview | None, console: Console) -> Group:
    """The whole picture, no higher than the terminal: parts, who needs attention, counts, and the latest happenings."""
    parts = Text("  ").join(
        Text.assemble(("●", _COLOURS.get(state, "yellow")), f" {name} {state}") for name, state in states.items()
    )
    if overview is None:
        return Group(parts, "the gateway does not answer")
    counts = Table("backorders", "", "purchase orders", "", box=None, pad_edge=False)
    pairs = zip_longest(
        sorted(overview.backorders.items()), sorted(overview.purchase_orders.items()), fillvalue=("", "")
    )
    for (status, count), (po_status, po_count) in pairs:
        counts.add_row(status, str(count), po_status, str(po_count))
    attention = plain(_attention(overview))
    attention.stylize("red" if overview.attention else "")
    top = Group(parts, "", attention, Padding(counts, (1, 0)))
    room = console.height - len(console.render_lines(top)) - 2  # its heading, and the line where the cursor stands
    happenings = overview.recent[: max(1, room)]
    recent = table("When", "Backorder", "What", whole=["When", "Backorder", "What"])
    longest = max((len(one.backorder_id) for one in happenings), default=0)
    taken = len("00:00:00  ") + max(len("Backorder"), longest) + len("  ")
    for happening in happenings:
        what = plain(happening.what)
        what.truncate(max(20, console.width - taken), overflow="ellipsis")
        recent.add_row(plain(f"{happening.at.astimezone():%H:%M:%S}"), plain(happening.backorder_id), what)
    return Group(top, recent)
