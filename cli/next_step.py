"""What happens next to a backorder or a purchase order, told from the books alone: no workflow is asked.

A duty that failed and was put off shows as due now; its attention says what is wrong.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from activities.settings import Settings
from cli.errors import CommandFailed
from domain import backorder_duty, purchase_order_duty
from domain.backorder_duty import Policy
from domain.backorder_position import BackorderPosition
from domain.purchase_order_duty import PurchaseOrderDutyKind
from domain.purchase_order_position import PurchaseOrderPosition

_FAR = 300
"""Days; a day further off or longer ago is told with its year."""

_SILENT = "it is withdrawn or, where the supplier's connector cannot do that, an operator is asked"
_IN_SHORT: dict[PurchaseOrderDutyKind, str] = {
    PurchaseOrderDutyKind.FREEZE: "send",  # all three follow at once
    PurchaseOrderDutyKind.RENDER: "send",
    PurchaseOrderDutyKind.ASK_OPERATOR: "withdraw",
    PurchaseOrderDutyKind.GIVE_UP_CHANGE: "give up",
    PurchaseOrderDutyKind.TELL_OVERDUE: "overdue",
}


class Step(NamedTuple):
    """What happens next."""

    at: datetime | date | None
    """When by itself; None: when somebody moves it."""
    what: str
    """In a word or two."""
    why: str
    """In a sentence."""

    def short(self, now: datetime) -> str:
        """For a column of a table."""
        return " ".join(filter(None, [_until(self.at, now), self.what]))

    def full(self, now: datetime) -> str:
        """For a line of its own."""
        if isinstance(self.at, datetime):
            return f"{'now' if self.at <= now else f'{self.at:%Y-%m-%d %H:%M} UTC'}: {self.why}"
        return self.why if self.at is None else f"{self.at}: {self.why}"

    def as_data(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {"at": self.at.isoformat() if self.at else None, "what": self.what, "why": self.why}


def of_backorder(position: BackorderPosition, now: datetime) -> Step | None:
    """Goods that are due, or the next duty, whichever comes first; None: it has ended."""
    duty = backorder_duty.next_duty(position, policy(position.currency), now)
    if duty is None:
        return None
    shares = [(claim.expected_on, claim.po_number) for claim in position.claims if claim.expected_on]
    return _goods_first(shares, duty.at, now) or Step(duty.at, duty.kind, duty.why)


def of_purchase_order(order: PurchaseOrderPosition, now: datetime) -> Step | None:
    """Goods that are due, or the next duty, or whom it waits for; None: it is over."""
    if purchase_order_duty.is_over(order):
        return None
    duty = purchase_order_duty.next_duty(order, now)
    due = [(line.expected_on, order.po_number) for line in order.lines if line.open and line.expected_on]
    if order.acknowledged_at and (goods := _goods_first(due, duty.at if duty else None, now)):
        return goods
    if duty:
        why = _SILENT if duty.kind is PurchaseOrderDutyKind.ASK_OPERATOR else duty.why
        return Step(duty.at, _IN_SHORT.get(duty.kind, duty.kind), why)
    if order.held:
        return Step(None, "held", f"held until `promisekeeper hold {order.po_number} --off`")
    if order.attention:
        return Step(None, "your word", f"waits for a person: `promisekeeper resolve {order.po_number} ...`")
    return Step(None, "supplier", f"waits for word from {order.supplier_name}")


def _goods_first(due: Iterable[tuple[date, str]], duty_at: datetime | None, now: datetime) -> Step | None:
    """The next goods, unless they are overdue or something else is to be done before."""
    day, po_number = min(due, default=(None, ""))
    if day is None or day < now.astimezone(UTC).date() or (duty_at and (duty_at <= now or duty_at.date() < day)):
        return None
    return Step(day, "goods", f"goods of {po_number} are expected")


@cache
def policy(currency: str) -> Policy:
    """The rules that the environment sets for new orders; an order's own were fixed when it was accepted.

    Raises:
        CommandFailed: a setting cannot be read.
    """
    # What a worker must be given, and no rule depends on, need not be set where only a list is looked at.
    not_needed = {name: "not needed" for name, field in Settings.model_fields.items() if field.is_required()}
    try:
        return Settings.model_validate(not_needed).policy(currency)
    except ValidationError as wrong:
        settings = "; ".join(
            f"PROMISEKEEPER_{'.'.join(map(str, error['loc'])).upper()}: {error['msg']}" for error in wrong.errors()
        )
        raise CommandFailed(f"a setting cannot be read: {settings}") from wrong


def short_day(day: date | None, now: datetime) -> str:
    """`Nov 29`, or `2027-11-29` if that could be taken for another year's; empty for no day."""
    if day is None:
        return ""
    return f"{day}" if abs((day - now.date()).days) > _FAR else f"{day:%b} {day.day}"


def lasting(since: datetime | None, now: datetime) -> str:
    """How long ago that was: `20 min`, `5 h`, `3 d`."""
    if since is None:
        return ""
    minutes = max(0, int((now - since).total_seconds() // 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def _until(at: datetime | date | None, now: datetime) -> str:
    if not isinstance(at, datetime):
        return short_day(at, now)
    if at <= now:
        return "now"
    minutes = int((at - now).total_seconds() // 60) + 1
    if minutes < 60:
        return f"in {minutes} min"
    return f"in {minutes // 60} h" if minutes < 24 * 60 else short_day(at.date(), now)
