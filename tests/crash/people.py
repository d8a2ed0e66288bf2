"""What people and partners do in a trial: cancel at any stage by any door, press buttons, repeat old messages.

Customers who answer their mails are simulated elsewhere (`devstack/simulators/customers.py`); here are all the others.
Nobody waits to see whether the shop is well: what cannot be done just now is tried again, as people do.
"""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import psycopg
from temporalio.client import RPCTimeoutOrCancelledError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from devstack.simulators.courier import signature
from devstack.simulators.world import CommandRefused
from domain.backorder_position import BackorderPosition, Status
from tests.crash.killed_world import KilledWorld, known
from workflows import backorder_contract, purchase_order_contract

NOT_NOW = (
    RPCError,
    RPCTimeoutOrCancelledError,
    RuntimeError,
    httpx.HTTPError,
    CommandRefused,
    psycopg.Error,
)
"""How a world says that a part of it is down."""

PATIENCE = timedelta(seconds=20)
"""How long one try to reach a workflow may take."""


_STAGES = (
    Status.ACCEPTED,
    Status.SOURCING,
    Status.ON_ORDER,
    Status.CONFIRMED,
    Status.IN_TRANSIT,
    Status.ALLOCATED,
    Status.SHIPPING,
    Status.REFUND_DUE,
    Status.CANCELLED,
    Status.CLOSED,
)
"""In the order in which a backorder comes through them."""


class People:
    """Everybody who meddles in one trial."""

    def __init__(self, world: KilledWorld, seed: int) -> None:
        self._world = world
        self._chance = random.Random(seed)
        self.cancelled: Counter[str] = Counter()
        """How often an order was cancelled at which stage, and by which door."""
        self.done: Counter[str] = Counter()
        """What else was done, and how often."""

    async def cancel_some(self, ids: Sequence[str], within: float) -> None:
        """Cancel a quarter of the orders, each at a stage of its own by a door of its own, some of them by two doors.

        Who has not come to that stage after so many seconds is cancelled wherever it then is.
        """
        doors = (self._by_update, self._by_gateway, self._by_button, self._by_operator)
        victims = dict(enumerate(self._chance.sample(ids, max(1, len(ids) // 4))))
        deadline = time.monotonic() + within
        async with asyncio.TaskGroup() as everybody:
            while victims:
                await asyncio.sleep(0.5)
                for number, position in (await self._look(victims)).items():
                    reached = _STAGES.index(position.status) >= number % 8
                    if reached or time.monotonic() > deadline:
                        del victims[number]
                        first = number + number // 8  # so that each stage meets each door
                        pair = [doors[first % 4]] + [doors[(first + 1) % 4]] * (number % 3 == 0)
                        everybody.create_task(self._cancel(position, pair))

    async def _look(self, victims: Mapping[int, str]) -> dict[int, BackorderPosition]:
        """Where those stand that are in the books already."""
        found: dict[int, BackorderPosition] = {}
        with suppress(*NOT_NOW):
            async with await self._world.ledger() as ledger:
                for number, backorder_id in victims.items():
                    if position := await known(ledger, backorder_id):
                        found[number] = position
        return found

    async def _cancel(self, position: BackorderPosition, doors: Sequence[Callable[[str], Awaitable[None]]]) -> None:
        for door in doors:
            await self._until_done(lambda door=door: door(position.backorder_id))
            self.cancelled[f"{position.status}, {door.__name__.removeprefix('_by_')}"] += 1

    async def _by_update(self, backorder_id: str) -> None:
        request = backorder_contract.CancelRequest(reason="changed my mind")
        await _asked(await self._backorder(backorder_id), backorder_contract.CANCEL, request)

    async def _by_operator(self, backorder_id: str) -> None:
        request = backorder_contract.Resolve(resolution=backorder_contract.Resolution.CANCEL)
        await _asked(await self._backorder(backorder_id), backorder_contract.RESOLVE, request)

    async def _by_button(self, backorder_id: str) -> None:
        await (await self._backorder(backorder_id)).cancel(rpc_timeout=PATIENCE)

    async def _by_gateway(self, backorder_id: str) -> None:
        stack = self._world.stack
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE.total_seconds()) as http:
            answer = await http.post(
                f"{stack.settings.gateway_url}/backorders/{backorder_id}/cancel",
                json={"reason": "changed my mind"},
                headers={"Authorization": f"Bearer {stack.api_key}", "Idempotency-Key": f'"{backorder_id}/cancel"'},
            )
        if answer.is_server_error:
            answer.raise_for_status()
        assert answer.status_code in {200, 202, 409}, answer.text

    async def _backorder(self, backorder_id: str) -> WorkflowHandle[Any, Any]:
        return (await self._world.client()).get_workflow_handle(backorder_contract.workflow_id(backorder_id))

    async def _until_done(self, deed: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await deed()
            except NOT_NOW as failure:
                if isinstance(failure, RPCError) and failure.status is RPCStatusCode.NOT_FOUND:
                    return None  # the workflow has ended
                await asyncio.sleep(0.5)

    async def press_buttons(self) -> None:
        """Release, hold and withdraw purchase orders, until cancelled."""
        while True:
            await asyncio.sleep(self._chance.uniform(1, 4))
            with suppress(*NOT_NOW, WorkflowUpdateFailedError):
                async with await self._world.ledger() as ledger, ledger.look() as connection:
                    rows = await (await connection.execute("select po_number from purchase_order")).fetchall()
                if not rows:
                    continue
                po_number = self._chance.choice(rows)[0]
                button = self._chance.choice(("release_now", "release_now", "hold", "withdraw"))
                handle = (await self._world.client()).get_workflow_handle(
                    purchase_order_contract.workflow_id(po_number)
                )
                if button == "release_now":
                    await _asked(handle, purchase_order_contract.RELEASE_NOW)
                elif button == "hold":
                    await _asked(handle, purchase_order_contract.HOLD, purchase_order_contract.Hold(held=True))
                    await _asked(handle, purchase_order_contract.HOLD, purchase_order_contract.Hold(held=False))
                else:
                    decision = purchase_order_contract.PurchaseOrderResolution.WITHDRAW
                    await _asked(
                        handle, purchase_order_contract.RESOLVE, purchase_order_contract.Resolve(resolution=decision)
                    )
                self.done[button] += 1

    async def repeat_old_messages(self) -> None:
        """Send what suppliers and carrier said before once more, under the old id or a new one, until cancelled."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            while True:
                await asyncio.sleep(self._chance.uniform(0.5, 2))
                with suppress(*NOT_NOW):
                    await self._repeat(http)

    async def _repeat(self, http: httpx.AsyncClient) -> None:
        supplier = self._chance.choice(self._world.stack.catalogue.suppliers)
        partner = self._world.outside.supplier(supplier.supplier_id)
        said = [webhook for webhook in (await partner.books()).webhooks if webhook.state == "taken"]
        if not said:
            return
        webhook = self._chance.choice(said)
        webhook_id = self._chance.choice((webhook.webhook_id, f"msg_{uuid.uuid4().hex}"))
        secret = (await partner.settings()).webhook_secret
        answer = await http.post(
            f"{self._world.stack.settings.gateway_url}/suppliers/{supplier.supplier_id}/events",
            content=webhook.body,
            headers=signed(secret, webhook.body.encode(), webhook_id),
        )
        assert answer.is_success or answer.is_server_error, answer.text
        self.done["old message"] += answer.is_success


def signed(secret: str, body: bytes, webhook_id: str) -> dict[str, str]:
    """The headers of a webhook that is sent now."""
    timestamp = int(time.time())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, webhook_id, timestamp, body),
    }


async def operate(world: KilledWorld, positions: Sequence[BackorderPosition], *, again: bool) -> None:
    """An operator's turn at what stands still: try again what asks for it; the second time, cancel."""
    client = await world.client()
    resolution = backorder_contract.Resolution.CANCEL if again else backorder_contract.Resolution.RETRY

    async def decide(backorder_id: str) -> None:
        handle = client.get_workflow_handle(backorder_contract.workflow_id(backorder_id))
        with suppress(*NOT_NOW):  # it ended meanwhile
            await _asked(handle, backorder_contract.RESOLVE, backorder_contract.Resolve(resolution=resolution))

    await asyncio.gather(*(decide(position.backorder_id) for position in positions))


async def _asked(handle: WorkflowHandle[Any, Any], update: str, request: object = None) -> None:
    """An update, given up for the time being when no answer comes. One that is refused is answered."""
    arguments = [] if request is None else [request]
    with suppress(WorkflowUpdateFailedError):
        await handle.execute_update(update, args=arguments, rpc_timeout=PATIENCE)
