"""How worker and gateway log: for people (`text`), or one JSON object a line (`json`) for what collects logs.

The fields are these and no others, so that nothing personal slips in by a library's own: time, level, logger, message;
workflow_id, run_id, activity, attempt, and backorder_id or po_number, of the step it was logged in; trace_id and
span_id while traces are on; error, with its traceback.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

from temporalio import activity, workflow

from domain.names import backorder_workflow_id, purchase_order_workflow_id

NAMED = ("backorder_id", "po_number")
"""Fields that a call may give by `extra=`."""

_BACKORDER, _PURCHASE_ORDER = backorder_workflow_id(""), purchase_order_workflow_id("")


def set_up(form: Literal["text", "json"]) -> None:
    """Log to standard error, from now on."""
    if form == "text":
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    # they are fields here
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The fields of the module's docstring; those that do not apply are left out."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_step(),
            **{name: value for name in NAMED if (value := getattr(record, name, None)) is not None},
            **_trace(),
        }
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


def _step() -> dict[str, object]:
    """The workflow or activity in which this is logged."""
    if activity.in_activity():
        at = activity.info()
        fields: dict[str, object] = {
            "workflow_id": at.workflow_id,
            "run_id": at.workflow_run_id,
            "activity": at.activity_type,
            "attempt": at.attempt,
        }
    elif workflow.in_workflow():
        story = workflow.info()
        fields = {"workflow_id": story.workflow_id, "run_id": story.run_id}
    else:
        return {}
    workflow_id = str(fields["workflow_id"])
    if workflow_id.startswith(_BACKORDER):
        fields["backorder_id"] = workflow_id.removeprefix(_BACKORDER)
    elif workflow_id.startswith(_PURCHASE_ORDER):
        fields["po_number"] = workflow_id.removeprefix(_PURCHASE_ORDER)
    return fields


def _trace() -> dict[str, object]:
    # Whoever traces has imported it; nobody else pays for it.
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    here = trace.get_current_span().get_span_context()
    return {"trace_id": f"{here.trace_id:032x}", "span_id": f"{here.span_id:016x}"} if here.is_valid else {}


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger().critical("the process ends by an error", exc_info=(kind, error, trace))
