"""The variables a command works with: the shell's own, then those of a `promisekeeper dev` of this folder.

`promisekeeper dev` writes `.promisekeeper/environment.json`, a flat object of variables that its clients need
(TEMPORAL_ADDRESS, PROMISEKEEPER_LEDGER_DSN, PROMISEKEEPER_API_KEY ...), readable by its owner only. What the shell sets
always wins, so the same commands work against production from the same folder.
"""

import json
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import cast

from cli.errors import CommandFailed

DEV_FILE = Path(".promisekeeper") / "environment.json"
"""Where a running `promisekeeper dev` says how to reach it, below the folder it was started in."""

LEDGER_DSN = "PROMISEKEEPER_LEDGER_DSN"
TEMPORAL_ADDRESS = "TEMPORAL_ADDRESS"


def use_dev_environment(folder: Path, environ: MutableMapping[str, str] = os.environ) -> Mapping[str, str]:
    """Add the variables of the `promisekeeper dev` of this folder to those that are set already.

    Args:
        folder: where the command was called.
        environ: changed in place; what stands there stays.

    Returns:
        The variables that were added; none when nothing runs here.

    Raises:
        CommandFailed: the file is there, but it is not what `dev` writes.
    """
    file = folder / DEV_FILE
    try:
        told: object = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as unreadable:
        raise CommandFailed(f"{file} cannot be read ({unreadable}); start `promisekeeper dev` again") from unreadable
    entries = cast("dict[str, object]", told) if isinstance(told, dict) else None
    if entries is None or not all(isinstance(value, str) for value in entries.values()):
        raise CommandFailed(f"{file} is no flat object of variables; start `promisekeeper dev` again")
    # A namespace or an address by itself, set in the shell, means another cluster: the rest of dev's is not mixed in.
    elsewhere = {name for name in environ if name.startswith("TEMPORAL_")}
    added = {
        name: str(value)
        for name, value in entries.items()
        if name not in environ and not (elsewhere and name.startswith("TEMPORAL_"))
    }
    environ.update(added)
    return added
