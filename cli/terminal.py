"""What commands print: tables that fit the terminal; results on stdout, progress on stderr."""

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

LINE_EVERY = 5.0
"""Seconds between two lines of progress where there is no terminal."""

NARROWEST = 40
"""Columns; a terminal that says it has fewer is written to as if it had these."""


def console() -> Console:
    """Where results go: as wide as the terminal, 80 columns if there is none."""
    return _at_least(Console(highlight=False, soft_wrap=False))


def progress_console() -> Console:
    """Where progress goes, so that redirected results stay clean."""
    return _at_least(Console(stderr=True, highlight=False))


def _at_least(found: Console) -> Console:
    found.width = max(found.width, NARROWEST)
    return found


def table(
    *headings: str, title: str | None = None, right: Iterable[str] = (), whole: Iterable[str] = (), gap: int = 2
) -> Table:
    """An empty table; its cells fold instead of being cut, so nothing that is said gets lost.

    Args:
        headings: the columns, the last of which takes what room there is.
        title: printed above.
        right: headings of the columns with numbers.
        whole: headings of the columns, with short cells only, that are not folded to make room.
        gap: blanks between columns.
    """
    drawn = Table(
        title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0)
    )
    numbers, unfolded = set(right), set(whole)
    for heading in headings:
        drawn.add_column(
            heading,
            overflow="fold",
            justify="right" if heading in numbers else "left",
            no_wrap=heading in unfolded,
            ratio=1 if heading == headings[-1] else None,
        )
    return drawn


def plain(value: object) -> Text:
    """Text as it is: brackets are no markup, and control characters that a file brings are shown, not obeyed."""
    said = "" if value is None else str(value)
    return Text("".join(c if c.isprintable() else repr(c)[1:-1] for c in said))


def in_lines(parts: Iterable[object]) -> Text:
    """One below the other."""
    return Text("\n").join(plain(part) for part in parts)


def say(what: str, on: Console) -> None:
    """A sentence: folded between words on a terminal; elsewhere one line, as those who search it expect."""
    on.print(plain(what), soft_wrap=not on.is_terminal)


def progress_bar(on: Console) -> Progress:
    """A bar with counts, that disappears when it is done; a plain line now and then where there is no terminal."""
    if not on.is_terminal:
        return _Lines(on)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=on,
        transient=True,
    )


class _Lines(Progress):
    """Progress for logs and pipes, which keep every line that they are given."""

    def __init__(self, on: Console) -> None:
        super().__init__(console=on, disable=True)
        self._told = self.get_time()

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        if self.get_time() - self._told >= LINE_EVERY:
            self._told = self.get_time()
            task = next(task for task in self.tasks if task.id == task_id)
            of = "" if task.total is None else f" of {task.total:,.0f}"
            say(f"{task.description}: {task.completed:,.0f}{of}", self.console)
