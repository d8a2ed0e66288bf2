"""The whole outside world in one process: each service on its port, the work that falls due, the webhooks that wait."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Response

from devstack.simulators.book import Book
from devstack.simulators.carrier import CarrierService, carrier_app
from devstack.simulators.courier import Courier, Lane
from devstack.simulators.customers import Customers
from devstack.simulators.cxml_wire import CONTENT_TYPE
from devstack.simulators.edi_supplier import EdiSupplier
from devstack.simulators.mail_catcher import MailCatcher, mail_app, receiving
from devstack.simulators.mailbox_supplier import MailboxSupplier
from devstack.simulators.payment import PaymentService, payment_app
from devstack.simulators.serving import listening, served
from devstack.simulators.settings import SupplierSettings, WorldSettings
from devstack.simulators.supplier_service import SupplierService, supplier_app
from devstack.simulators.world import Addresses, GatewayAddress, World


@asynccontextmanager
async def running_world(folder: Path, settings: WorldSettings) -> AsyncGenerator[World]:
    """Run the whole outside world for as long as the block runs; its books are in `folder`.

    Raises:
        OSError: a port is taken; the message names it.
    """
    async with AsyncExitStack() as stack:
        book = Book(folder / "outside_world.sqlite3")
        stack.callback(book.close)

        def lane(name: str) -> Lane:
            if name == "carrier":
                return Lane("/carrier/events", settings.carrier_webhook_secret)
            supplier = suppliers.settings(name.removeprefix("supplier/"))
            door = f"/suppliers/{supplier.supplier_id}/events"
            return Lane(door, None, CONTENT_TYPE) if supplier.cxml else Lane(door, supplier.webhook_secret)

        courier = Courier(book, settings.gateway_url, lane)
        suppliers = SupplierService(book, courier)
        for supplier in settings.suppliers:
            suppliers.add(supplier)
        payments = PaymentService(book, settings.payment_api_key)
        carrier = CarrierService(book, courier, settings.carrier_api_key, settings.possession_after)
        catcher = MailCatcher(book)

        changed = asyncio.Event()
        door_of_suppliers = supplier_app(suppliers, changed.set)
        _add_world_commands(door_of_suppliers, courier, book)
        doors = {
            "supplier_port": (door_of_suppliers, settings.supplier_port),
            "payment_port": (payment_app(payments), settings.payment_port),
            "carrier_port": (carrier_app(carrier, changed.set), settings.carrier_port),
            "mail_port": (mail_app(catcher), settings.mail_port),
        }
        # all ports are bound before anything is served, so that a taken one stops the start as a whole
        bound = {name: listening(settings.host, port, name) for name, (_, port) in doors.items()}
        smtp = listening(settings.host, settings.smtp_port, "smtp_port")
        for port in (*bound.values(), smtp):
            stack.callback(port.close)
        urls = {name: await stack.enter_async_context(served(app, bound[name])) for name, (app, _) in doors.items()}
        smtp_port = await stack.enter_async_context(receiving(catcher, smtp))

        works = [_keep_working(changed, suppliers, carrier), courier.run()]
        for by_files in settings.edi_suppliers:
            edi = EdiSupplier(folder, by_files)
            stack.callback(edi.close)
            works.append(edi.work())
        works += [MailboxSupplier(book, by_mail).work() for by_mail in settings.mailbox_suppliers]
        if settings.customers_answer:
            works.append(Customers(book).run())
        for work in works:
            stack.push_async_callback(_ended, asyncio.create_task(work))
        yield await stack.enter_async_context(
            World(
                Addresses(
                    supplier_url=urls["supplier_port"],
                    payment_url=urls["payment_port"],
                    carrier_url=urls["carrier_port"],
                    mail_url=urls["mail_port"],
                    smtp_host=settings.host,
                    smtp_port=smtp_port,
                )
            )
        )


@asynccontextmanager
async def running_simulators(
    folder: Path, gateway_url: str | None = None, *, suppliers: Iterable[SupplierSettings] = ()
) -> AsyncGenerator[World]:
    """An outside world on free ports that moves only when told, as tests want it."""
    settings = WorldSettings(gateway_url=gateway_url, suppliers=tuple(suppliers))
    async with running_world(folder, settings) as world:
        yield world


def _add_world_commands(app: FastAPI, courier: Courier, book: Book) -> None:
    """What concerns the world as a whole is commanded at the suppliers' door."""

    @app.put("/gateway")
    async def gateway(address: GatewayAddress) -> Response:
        courier.gateway_url = address.gateway_url
        courier.wake()
        return Response(status_code=204)

    @app.get("/webhooks/pending")
    async def pending() -> dict[str, int]:
        return {"pending": len(book.rows("SELECT 1 FROM webhook WHERE state = 'pending'"))}


async def _keep_working(changed: asyncio.Event, suppliers: SupplierService, carrier: CarrierService) -> None:
    """Let suppliers and carrier do each step when its time has come."""
    while True:
        changed.clear()
        now = time.time()
        following = [at for at in (suppliers.do_what_is_due(now), carrier.do_what_is_due(now)) if at is not None]
        wait = min((at - time.time() for at in following), default=60.0)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), max(0.0, min(wait, 60.0)))


async def _ended(task: asyncio.Task[None]) -> None:
    """End a task of the world; an error it met on its own is raised here, so that it is not lost."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
