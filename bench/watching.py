"""What people see while it runs: what is being done, how far it is; plain lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Watch:
    """One line of progress for a bench, and within it one step after the other."""

    def __init__(self, progress: Progress, console: Console) -> None:
        """Made by `watched`."""
        self._progress = progress
        self._console = console
        self._task = progress.add_task("starting", total=None)
        self._bench = ""

    def bench(self, name: str) -> None:
        """Another bench begins."""
        self._bench = name
        self.step("setting up")

    def step(self, what: str, total: int | None = None) -> None:
        """Another step begins, of so many parts if that is known."""
        self._progress.reset(self._task, total=total, description=f"{self._bench:<9} {what}"[:44])
        if not self._console.is_terminal:
            self._console.print(f"{self._bench}: {what}", highlight=False)

    def reach(self, done: int) -> None:
        """So many parts of the step are done."""
        self._progress.update(self._task, completed=done)


@contextmanager
def watched(console: Console) -> Generator[Watch]:
    """Show progress for as long as the block runs."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=14),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Watch(progress, console)
