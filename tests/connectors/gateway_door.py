"""What stands for our gateway where only its door matters: it takes webhooks and keeps them as they came."""

from dataclasses import dataclass, field

from connectors.suppliers.interface import Inward


@dataclass
class Gateway:
    """Takes webhooks as our gateway would, and keeps them as they came."""

    url: str = ""
    received: list[Inward] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses for the next requests; then 204."""
