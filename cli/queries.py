"""Ready-made list queries for the Temporal UI, as links: its own saved views stay in one browser, links work in all."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, NamedTuple
from urllib.parse import quote

from cyclopts import Parameter
from rich.console import Console

from activities.settings import Settings
from cli.terminal import console, plain, say
from domain import names
from workflows.connecting import profile

UI_URL = "PROMISEKEEPER_TEMPORAL_UI_URL"
_OPEN = f"WorkflowType = '{names.BACKORDER}' AND ExecutionStatus = 'Running'"
_OPEN_ORDERS = f"WorkflowType = '{names.PURCHASE_ORDER}' AND ExecutionStatus = 'Running'"


class Saved(NamedTuple):
    """One query. `{TODAY}`, `{IN_3_DAYS}` and `{YESTERDAY}` stand for dates, other braces for what is looked for."""

    name: str
    what: str
    query: str

    def filled(self, today: date, looked_for: Mapping[str, str]) -> str:
        """The query as Temporal takes it."""
        days = {"TODAY": 0, "IN_3_DAYS": 4, "YESTERDAY": -1}  # due within three days: before the fourth begins
        dates = {name: f"{today + timedelta(days=n)}T00:00:00Z" for name, n in days.items()}
        return self.query.format(**dates, **looked_for)


SAVED: tuple[Saved, ...] = (
    Saved("attention", "who needs a person", "NeedsAttention = true AND ExecutionStatus = 'Running'"),
    Saved("late", "backorders whose promised day has passed", f"{_OPEN} AND PromisedBy < '{{TODAY}}'"),
    Saved(
        "due",
        "backorders promised for today or the next three days",
        f"{_OPEN} AND PromisedBy >= '{{TODAY}}' AND PromisedBy < '{{IN_3_DAYS}}'",
    ),
    Saved("undated", "backorders without a promised day", f"{_OPEN} AND PromisedBy IS NULL"),
    Saved("searching", "backorders for which no supply is found yet", f"{_OPEN} AND BackorderStatus = 'sourcing'"),
    Saved("refunds", "backorders with money to give back", f"{_OPEN} AND BackorderStatus = 'refund due'"),
    Saved(
        "silent",
        "orders their supplier has had for a day, and not acknowledged",
        f"{_OPEN_ORDERS} AND PurchaseOrderStatus = 'acknowledgement pending' AND StartTime < '{{YESTERDAY}}'",
    ),
    Saved(
        "unsure",
        "orders of which nobody knows whether they arrived",
        f"{_OPEN_ORDERS} AND PurchaseOrderStatus = 'send unknown'",
    ),
    Saved("collecting", "orders that still collect shares", f"{_OPEN_ORDERS} AND PurchaseOrderStatus = 'collecting'"),
    Saved("supplier", "everything at one supplier", "SupplierIds = '{SUPPLIER}' AND ExecutionStatus = 'Running'"),
    Saved("sku", "backorders of one item", f"{_OPEN} AND Sku = '{{SKU}}'"),
    Saved("po", "one purchase order and all backorders on it", "PoNumbers = '{PO}' AND ExecutionStatus = 'Running'"),
    Saved("sales-order", "all backorders of one sales order", "SalesOrder = '{SALES_ORDER}'"),
    Saved(
        "sweeps",
        "sweeps that found what only a person can mend",
        f"WorkflowType = '{names.SWEEP}' AND NeedsAttention = true",
    ),
    Saved(
        "mailboxes",
        "suppliers of whom a message needs a person, or who cannot be reached",
        f"WorkflowType = '{names.SUPPLIER_MAILBOX}' AND NeedsAttention = true",
    ),
    Saved(
        "broken",
        "workflows that ended otherwise than they should",
        f"WorkflowType IN ('{names.BACKORDER}', '{names.PURCHASE_ORDER}') "
        "AND ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut')",
    ),
)


def link(base: str, namespace: str, query: str) -> str:
    """The page of the Temporal UI that lists what a query finds."""
    return f"{base.rstrip('/')}/namespaces/{quote(namespace, safe='')}/workflows?query={quote(query, safe='')}"


def queries(
    *,
    supplier: str = "SUPPLIER",
    sku: str = "SKU",
    po: str = "PO-000001",
    sales_order: str = "SALES-ORDER",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Print ready-made queries as links into the Temporal UI, with today's dates.

    Args:
        supplier: whom the query by supplier looks for.
        sku: which item the query by item looks for.
        po: which purchase order the query by order looks for.
        sales_order: likewise.
        as_json: print JSON.
    """
    looked_for = {"SUPPLIER": supplier, "SKU": sku, "PO": po, "SALES_ORDER": sales_order}
    found = links(datetime.now(UTC).date(), {name: value.replace("'", "''") for name, value in looked_for.items()})
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        report(found, console())
    return 0


def links(today: date, looked_for: Mapping[str, str]) -> list[dict[str, str]]:
    """Every saved query, filled in, with its link."""
    base = os.environ.get(UI_URL) or str(Settings.model_fields["temporal_ui_url"].default)
    namespace = str(profile().get("namespace") or "default")
    filled = [(saved, saved.filled(today, looked_for)) for saved in SAVED]
    return [
        {"name": saved.name, "what": saved.what, "query": query, "link": link(base, namespace, query)}
        for saved, query in filled
    ]


def report(found: list[dict[str, str]], on: Console) -> None:
    """Print what each shows, and its link on a line of its own, whole, so that a terminal makes it clickable."""
    for one in found:
        on.print(plain(f"{one['name']}: {one['what']}"))
        on.print(plain(f"  {one['link']}"), soft_wrap=True)
    say("The dates are today's; `promisekeeper queries` prints them anew.", on)
