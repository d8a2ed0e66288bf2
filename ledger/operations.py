"""Everything that is asked of suppliers, from the plan to the answer: the public face of the outbox's modules.

An operation is planned (`plan_place`, `plan_reduction`, `withdraw` ...), its bytes are stored once and sent as stored,
and what became of it is written down (`leaves`, `record_send`, `give_up_change`; suppliers' own answers come through
the inbox).
"""

from ledger.answers import give_up_change, record_send
from ledger.changes import plan_addition, plan_reduction, withdraw, withdraw_by_hand
from ledger.leaving import leaves, never_left
from ledger.outbox import (
    PlannedLine,
    PlannedOperation,
    StoredOperation,
    plan_place,
    store_operation,
    stored_operation,
)

__all__ = [
    "PlannedLine",
    "PlannedOperation",
    "StoredOperation",
    "give_up_change",
    "leaves",
    "never_left",
    "plan_addition",
    "plan_place",
    "plan_reduction",
    "record_send",
    "store_operation",
    "stored_operation",
    "withdraw",
    "withdraw_by_hand",
]
