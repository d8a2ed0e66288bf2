"""What every test needs that starts the demo's whole stack: ports of its own, and the way to its outside world."""

from collections.abc import Callable
from pathlib import Path

from devstack.ports import HOST
from devstack.settings import StackSettings
from devstack.simulators.world import Addresses

_PARTS = ("temporal", "ui", "gateway", "supplier", "payment", "carrier", "smtp", "mail")


def on_free_ports(folder: Path, free_port: Callable[[], int]) -> StackSettings:
    """A stack that lives in `folder` and is in nobody's way."""
    return StackSettings(folder=folder, **{f"{part}_port": free_port() for part in _PARTS})  # type: ignore[arg-type]  # (ports only)


def outside_of(settings: StackSettings) -> Addresses:
    """Where the simulated world of such a stack is controlled."""
    return Addresses(
        supplier_url=f"http://{HOST}:{settings.supplier_port}",
        payment_url=f"http://{HOST}:{settings.payment_port}",
        carrier_url=f"http://{HOST}:{settings.carrier_port}",
        mail_url=f"http://{HOST}:{settings.mail_port}",
        smtp_host=HOST,
        smtp_port=settings.smtp_port,
    )
