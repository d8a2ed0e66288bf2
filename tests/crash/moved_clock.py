"""Run a module of ours by a clock that is wrong: `python moved_clock.py FILE MODULE`, FILE holding seconds to add.

The file is read at each look at the clock, so the clock jumps while the process runs. What jumps is what our own Python
code and the libraries that ask for the time as we do see of the wall clock (`time.time`, `datetime.now`), as when
somebody sets a machine's time. The monotonic clock does not jump on any machine.
"""

import datetime
import runpy
import sys
import time
from pathlib import Path
from typing import Any

from connectors.suppliers.interface import connector_class, installed

_offset = Path(sys.argv[1])
_time, _time_ns, _datetime = time.time, time.time_ns, datetime.datetime


def _moved_by() -> float:
    return float(_offset.read_text() or 0)


class _LikeTheReal(type):
    """Whatever is a datetime is one of these, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _datetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _datetime)


class _Moved(_datetime, metaclass=_LikeTheReal):
    """`datetime` by the wrong clock."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return _datetime.now(tz) + datetime.timedelta(seconds=_moved_by())


def _move(module: object) -> None:
    if getattr(module, "datetime", None) is _datetime:
        module.datetime = _Moved  # type: ignore[attr-defined]


if __name__ == "__main__":
    module = sys.argv[2]
    # what is started stands under `if __name__ == "__main__"`, so importing it first only loads everything
    __import__(f"{module}.__main__" if module == "gateway" else module)
    for name in installed():  # these are loaded when a supplier first needs them, and go by this clock, too
        connector_class(name)
    time.time = lambda: _time() + _moved_by()
    time.time_ns = lambda: _time_ns() + int(_moved_by() * 10**9)
    for loaded in list(sys.modules.values()):
        if loaded is not datetime:
            _move(loaded)
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
