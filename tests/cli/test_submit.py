"""Submitting files of orders to a real Temporal server: what is started, what is known, what is refused."""

import asyncio
import io
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from temporalio import workflow
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cli import terminal
from cli.errors import CommandFailed
from cli.order_files import OrderFormat
from cli.submit import Submitted, submit_file
from domain.orders import Order
from ledger import backorders
from ledger.book import Ledger
from tests.cli.conftest import Command
from tests.cli.sample_orders import EXAMPLES, order_csv, read_orders
from workflows import backorder_contract


@pytest.fixture
def ids() -> list[str]:
    """Business ids that no other test has used on the session's server."""
    return [f"BO-{uuid.uuid4().hex[:12]}" for _ in range(5)]


def _rows(ids: list[str], **changes: str) -> list[Mapping[str, str]]:
    return [{"backorder_id": one, **changes} for one in ids]


async def _input(temporal: Client, backorder_id: str) -> Order:
    handle = temporal.get_workflow_handle(backorder_contract.workflow_id(backorder_id))
    event = await anext(aiter(handle.fetch_history_events(page_size=1)))
    started = event.workflow_execution_started_event_attributes
    assert (started.workflow_type.name, started.task_queue.name) == ("Backorder", "promisekeeper")
    (order,) = await temporal.data_converter.decode(list(started.input.payloads), [Order])
    assert isinstance(order, Order)
    return order


async def test_each_line_starts_one_backorder_with_the_order_as_its_input(
    temporal: Client, promisekeeper: Command, ids: list[str], tmp_path: Path
) -> None:
    code, out, _ = await promisekeeper("submit", order_csv(tmp_path / "o.csv", *_rows(ids)))
    assert (code, out) == (0, "5 started, 0 already known, 0 refused\n")
    for one in ids:
        order = await _input(temporal, one)
        assert (order.backorder_id, order.sku, order.quantity) == (one, "MUG-BLUE", 2)


async def test_the_same_file_again_starts_nothing_and_says_so(
    temporal: Client, promisekeeper: Command, ids: list[str], tmp_path: Path
) -> None:
    path = order_csv(tmp_path / "o.csv", *_rows(ids))
    await promisekeeper("submit", path)
    runs = [await temporal.get_workflow_handle(f"backorder/{one}").describe() for one in ids]
    code, out, _ = await promisekeeper("submit", path)
    assert (code, out) == (0, "0 started, 5 already known, 0 refused\n")
    again = [await temporal.get_workflow_handle(f"backorder/{one}").describe() for one in ids]
    assert [one.run_id for one in again] == [one.run_id for one in runs]


async def test_a_backorder_that_has_ended_is_not_started_again(
    temporal: Client, ids: list[str], tmp_path: Path
) -> None:
    path = order_csv(tmp_path / "o.csv", {"backorder_id": ids[0]})
    await submit_file(path, client=temporal)
    await temporal.get_workflow_handle(backorder_contract.workflow_id(ids[0])).terminate()
    assert await submit_file(path, client=temporal) == Submitted(started=0, known=1, refused=[])


async def test_the_same_id_with_other_content_is_a_conflict(
    temporal: Client, promisekeeper: Command, ids: list[str], tmp_path: Path
) -> None:
    await promisekeeper("submit", order_csv(tmp_path / "o.csv", *_rows(ids[:2])))
    changed = order_csv(tmp_path / "o.csv", {"backorder_id": ids[0], "quantity": "9"}, {"backorder_id": ids[1]})
    code, out, _ = await promisekeeper("submit", changed)
    assert code == 1
    assert out.startswith("0 started, 1 already known, 1 refused\n")
    assert "conflict" in out and ids[0] in out
    assert (await _input(temporal, ids[0])).quantity == 2


async def test_bad_lines_are_listed_the_others_go_and_the_exit_code_says_so(
    temporal: Client, promisekeeper: Command, ids: list[str], tmp_path: Path
) -> None:
    path = order_csv(
        tmp_path / "o.csv",
        {"backorder_id": ids[0], "quantity": "0"},
        {"backorder_id": ids[1]},
        {"backorder_id": ids[2], "unit_price": "7,90", "country": "usa"},
        {"backorder_id": ids[3]},
    )
    code, out, _ = await promisekeeper("submit", path)
    assert code == 1
    assert out.startswith("2 started, 0 already known, 2 refused\n")
    table = out.splitlines()[1:]
    assert table[0].split() == ["Line", "Backorder", "Field", "Reason"]
    assert [line.split()[2] for line in table if line.strip().startswith("2 ")] == ["quantity"]
    assert table[-1] == "Dates, amounts and items are checked once a line can be read, so more may follow."
    table.pop()
    assert all(any(field in line for line in table) for field in ("unit_price", "country"))
    assert max(map(len, table)) <= 80
    await _input(temporal, ids[1])
    await _input(temporal, ids[3])


async def test_of_many_bad_lines_the_first_are_shown_and_json_tells_all(
    temporal: Client, promisekeeper: Command, ids: list[str], tmp_path: Path
) -> None:
    bad = [{"backorder_id": f"{ids[0]}-{n}", "quantity": "0", "country": "usa"} for n in range(600)]
    path = order_csv(tmp_path / "o.csv", *bad, {"backorder_id": ids[1]})
    code, out, _ = await promisekeeper("submit", path)
    assert code == 1 and out.startswith("1 started, 0 already known, 600 refused\n")
    assert out.rstrip().endswith("and 1,180 more problems; --json tells them all")
    assert len([line for line in out.splitlines() if ids[0] in line]) == 10
    code, out, _ = await promisekeeper("submit", path, "--json")
    told = json.loads(out)
    assert code == 1
    assert (told["started"], told["already_known"], told["refused"], len(told["problems"])) == (0, 1, 600, 1200)
    assert {(one["line"], one["field"]) for one in told["problems"][:2]} == {(2, "quantity"), (2, "country")}
    assert told["problems"][0]["backorder_id"] == f"{ids[0]}-0" and told["problems"][0]["reason"]


async def test_how_far_it_is_is_shown_while_lines_are_checked_and_submitted(
    temporal: Client, ids: list[str], tmp_path: Path
) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=80)
    await submit_file(order_csv(tmp_path / "o.csv", *_rows(ids)), client=temporal, progress=terminal)
    assert "Checking o.csv" in screen.getvalue() and "Submitting o.csv" in screen.getvalue()


async def test_without_a_terminal_how_far_it_is_is_a_plain_line_now_and_then(
    temporal: Client, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = order_csv(tmp_path / "o.csv", *_rows(ids))
    monkeypatch.setattr(terminal, "LINE_EVERY", 0)
    log = io.StringIO()
    await submit_file(path, client=temporal, progress=Console(file=log))
    said = log.getvalue().splitlines()
    assert said[0] == "Checking o.csv: 5" and said[-1] == "Submitting o.csv: 5 of 5" and len(said) == 6
    monkeypatch.setattr(terminal, "LINE_EVERY", 3600)
    log = io.StringIO()
    await submit_file(path, client=temporal, progress=Console(file=log))
    assert log.getvalue() == ""


@pytest.mark.parametrize(
    ("column", "value"), [("unit_price", "24.901"), ("shipping_charge", "0.001"), ("ordered_at", "2999-01-01T00:00Z")]
)
async def test_what_cannot_be_kept_is_told_under_its_own_column(
    temporal: Client, ids: list[str], tmp_path: Path, column: str, value: str
) -> None:
    path = order_csv(tmp_path / "o.csv", {"backorder_id": ids[0], column: value})
    result = await submit_file(path, client=temporal)
    assert [problem.field for line in result.refused for problem in line.problems] == [column]


async def test_a_file_with_a_header_only_is_said_to_hold_nothing(
    temporal: Client, promisekeeper: Command, tmp_path: Path
) -> None:
    code, out, err = await promisekeeper("submit", order_csv(tmp_path / "o.csv"))
    assert (code, out) == (0, "0 started, 0 already known, 0 refused\n")
    assert err.endswith("o.csv holds no orders\n")


async def test_a_past_date_is_refused_before_anything_is_started(
    temporal: Client, promisekeeper: Command, ids: list[str], tmp_path: Path
) -> None:
    path = order_csv(tmp_path / "o.csv", {"backorder_id": ids[0], "promised_by": "2020-01-01"})
    code, out, _ = await promisekeeper("submit", path)
    assert code == 1 and "promised_by" in out and "is past" in out.replace("\n", " ")
    # the id is still free for the corrected line
    code, out, _ = await promisekeeper("submit", order_csv(tmp_path / "o.csv", {"backorder_id": ids[0]}))
    assert (code, out) == (0, "1 started, 0 already known, 0 refused\n")


async def test_a_purchase_orders_number_is_refused_as_an_id(
    temporal: Client, promisekeeper: Command, tmp_path: Path
) -> None:
    code, out, _ = await promisekeeper("submit", order_csv(tmp_path / "o.csv", {"backorder_id": "PO-000030"}))
    assert code == 1 and out.startswith("0 started, 0 already known, 1 refused\n")
    assert "is a purchase order's number" in " ".join(out.split())


async def test_an_unknown_sku_is_refused_where_the_catalogue_can_be_asked(
    temporal: Client, stocked: Ledger, promisekeeper: Command, ids: list[str], tmp_path: Path
) -> None:
    path = order_csv(tmp_path / "o.csv", {"backorder_id": ids[0], "sku": "UNICORN"}, {"backorder_id": ids[1]})
    code, out, _ = await promisekeeper("submit", path)
    assert code == 1
    assert out.startswith("1 started, 0 already known, 1 refused\n")
    assert "UNICORN" in out and "catalogue" in out
    two = {"backorder_id": ids[2], "sku": "UNICORN", "promised_by": "2020-01-01", "unit_price": "1.005"}
    code, out, _ = await promisekeeper("submit", order_csv(tmp_path / "o.csv", two), "--json")
    assert [problem["field"] for problem in json.loads(out)["problems"]] == ["unit_price", "promised_by", "sku"]


async def test_what_the_ledger_accepted_is_known_even_when_temporal_has_forgotten_it(
    temporal: Client, stocked: Ledger, promisekeeper: Command, ids: list[str], tmp_path: Path
) -> None:
    path = order_csv(tmp_path / "o.csv", {"backorder_id": ids[0], "promised_by": "2026-02-01"})
    ((_, order),) = _read(path)
    then = datetime(2026, 1, 5, tzinfo=UTC)
    await backorders.accept(stocked, order, key="accept", at=then, legal_deadline=then)
    code, out, _ = await promisekeeper("submit", path)
    assert (code, out) == (0, "0 started, 1 already known, 0 refused\n")
    changed = order_csv(tmp_path / "p.csv", {"backorder_id": ids[0], "unit_price": "1"})
    code, out, _ = await promisekeeper("submit", changed)
    assert code == 1 and "conflict" in out


async def test_an_order_that_was_accepted_in_its_day_stays_known_when_its_date_is_past(
    temporal: Client, ids: list[str], tmp_path: Path
) -> None:
    path = order_csv(tmp_path / "o.csv", {"backorder_id": ids[0], "promised_by": "2020-01-01"})
    ((_, order),) = _read(path)
    await temporal.start_workflow(
        backorder_contract.WORKFLOW,
        order,
        id=backorder_contract.workflow_id(ids[0]),
        task_queue=backorder_contract.TASK_QUEUE,
    )
    assert await submit_file(path, client=temporal) == Submitted(started=0, known=1, refused=[])


def _read(path: Path) -> list[tuple[int, Order]]:
    return read_orders(path, OrderFormat.CSV)[0]


async def test_an_id_that_somebody_started_with_something_else_is_a_conflict(
    temporal: Client, ids: list[str], tmp_path: Path
) -> None:
    await temporal.start_workflow(
        "Backorder", {"no": "order"}, id=backorder_contract.workflow_id(ids[0]), task_queue="nobody"
    )
    result = await submit_file(order_csv(tmp_path / "o.csv", {"backorder_id": ids[0]}), client=temporal)
    assert [line.problems[0].reason.split(":")[0] for line in result.refused] == ["conflict"]


@workflow.defn(name=backorder_contract.WORKFLOW)
class Refusing:
    """What a backorder looks like whose order could not be accepted."""

    @workflow.run
    async def run(self, order: Order) -> None:
        raise ApplicationError(f"SKU {order.sku!r} is not in the catalogue", type="OrderRefused", non_retryable=True)


async def test_an_id_whose_order_was_refused_by_its_workflow_says_why(
    temporal: Client, ids: list[str], tmp_path: Path
) -> None:
    path = order_csv(tmp_path / "o.csv", {"backorder_id": ids[0]})
    ((_, order),) = _read(path)
    async with Worker(temporal, task_queue=ids[0], workflows=[Refusing], workflow_runner=UnsandboxedWorkflowRunner()):
        with pytest.raises(WorkflowFailureError):
            await temporal.execute_workflow(
                Refusing.run, order, id=backorder_contract.workflow_id(ids[0]), task_queue=ids[0]
            )
    result = await submit_file(path, client=temporal)
    ((problem,),) = [line.problems for line in result.refused]
    assert problem.reason == (
        "SKU 'MUG-BLUE' is not in the catalogue; it was refused under this id before, so send it under another"
    )


async def test_the_examples_all_start_and_again_start_nothing(
    temporal: Client, stocked: Ledger, tmp_path: Path
) -> None:
    mark = uuid.uuid4().hex[:8]  # the session's server may have seen the examples already
    text = (EXAMPLES / "orders.csv").read_text(encoding="utf-8").replace("\nBO-", f"\n{mark}-")
    (tmp_path / "orders.csv").write_text(text, encoding="utf-8")
    first = await submit_file(tmp_path / "orders.csv", client=temporal, ledger=stocked)
    again = await submit_file(tmp_path / "orders.csv", client=temporal, ledger=stocked)
    assert first == Submitted(started=214, known=0, refused=[])
    assert again == Submitted(started=0, known=214, refused=[])


class _Breaking(Interceptor):
    """A connection that breaks after some starts."""

    def __init__(self, starts: int, *, hangs: bool = False) -> None:
        self.left = starts
        self.hangs = hangs
        self.reached = asyncio.Event()

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        breaking = self

        class Outbound(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
                if breaking.left == 0:
                    breaking.reached.set()
                    if breaking.hangs:
                        await asyncio.Event().wait()
                    raise RPCError("connection reset", RPCStatusCode.UNAVAILABLE, b"")
                breaking.left -= 1
                return await super().start_workflow(input)

        return Outbound(next)


async def test_a_connection_that_breaks_is_said_and_submitting_again_starts_the_rest(
    temporal: Client, ids: list[str], tmp_path: Path
) -> None:
    path = order_csv(tmp_path / "o.csv", *_rows(ids))
    config = temporal.config()
    config["interceptors"] = [_Breaking(starts=2)]
    with pytest.raises(CommandFailed, match=r"after 2 were started .*connection reset.*nothing starts twice"):
        await submit_file(path, client=Client(**config), in_flight=1)
    assert await submit_file(path, client=temporal) == Submitted(started=3, known=2, refused=[])


async def test_ctrl_c_says_how_many_went_and_that_the_file_may_be_given_again(
    temporal: Client, ids: list[str], tmp_path: Path
) -> None:
    path = order_csv(tmp_path / "o.csv", *_rows(ids))
    breaking = _Breaking(starts=2, hangs=True)
    config = temporal.config()
    config["interceptors"] = [breaking]
    log = io.StringIO()
    submitting = asyncio.create_task(
        submit_file(path, client=Client(**config), in_flight=1, progress=Console(file=log))
    )
    await breaking.reached.wait()
    submitting.cancel()  # what asyncio makes of Ctrl-C
    with pytest.raises(asyncio.CancelledError):
        await submitting
    assert log.getvalue() == (
        "Interrupted after 2 were started, and perhaps a few more. Submit the same file again: nothing starts twice.\n"
    )
    assert await submit_file(path, client=temporal) == Submitted(started=3, known=2, refused=[])


async def test_json_lines_are_submitted_as_well(
    temporal: Client, promisekeeper: Command, ids: list[str], tmp_path: Path
) -> None:
    ((_, order),) = _read(order_csv(tmp_path / "o.csv", {"backorder_id": ids[0]}))
    (tmp_path / "orders.txt").write_text(json.dumps(order.model_dump(mode="json")) + "\n")
    code, out, err = await promisekeeper("submit", tmp_path / "orders.txt")
    assert code == 2 and "--format" in err
    code, out, _ = await promisekeeper("submit", tmp_path / "orders.txt", "--format", "jsonl")
    assert (code, out) == (0, "1 started, 0 already known, 0 refused\n")


async def test_a_server_that_is_not_there_is_named_with_its_setting(
    promisekeeper: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    code, out, err = await promisekeeper("submit", order_csv(tmp_path / "o.csv", {}))
    assert (code, out) == (2, "")
    assert "127.0.0.1:1" in err and "TEMPORAL_ADDRESS" in err and "promisekeeper dev" in err


async def test_a_ledger_that_is_not_there_is_named_without_its_password(
    temporal: Client, promisekeeper: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROMISEKEEPER_LEDGER_DSN", "postgresql://shop:hunter2@127.0.0.1:1/books")
    code, _, err = await promisekeeper("submit", order_csv(tmp_path / "o.csv", {}))
    assert code == 2
    assert "127.0.0.1:1/books" in err and "PROMISEKEEPER_LEDGER_DSN" in err and "hunter2" not in err
