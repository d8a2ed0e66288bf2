"""Doing together what is asked for while the last batch is under way.

Who waits for the same lock may as well wait together: one transaction then serves them all. Nobody waits for company:
the first goes at once, and the next batch is whoever came meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Batches(Generic[Item]):
    """The batches of one process, one at a time for each group."""

    def __init__(self, run: Callable[[Sequence[Item]], Awaitable[None]], *, most: int) -> None:
        """Hand at most `most` items of a group to `run`, which does them all or, by raising, none."""
        self._run = run
        self._most = most
        self._waiting: dict[str, list[tuple[Item, asyncio.Future[None]]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def add(self, group: str, item: Item) -> None:
        """Have it done with others of its group; returns when it is.

        Raises:
            Exception: what `run` raised for this item. The failure of another of the batch is not its own: such a batch
                is done one by one.
        """
        done = asyncio.get_running_loop().create_future()
        if group in self._waiting:
            self._waiting[group].append((item, done))
        else:
            self._waiting[group] = [(item, done)]
            task = asyncio.create_task(self._work_off(group))
            self._running.add(task)  # the loop itself holds a task only weakly
            task.add_done_callback(self._running.discard)
        await done

    async def _work_off(self, group: str) -> None:
        batch: list[tuple[Item, asyncio.Future[None]]] = []
        try:
            while waiting := [one for one in self._waiting[group] if not one[1].cancelled()]:
                batch, self._waiting[group] = waiting[: self._most], waiting[self._most :]
                await self._do(batch)
        finally:  # also when the process ends in between: nobody is left waiting
            for _, done in [*batch, *self._waiting.pop(group)]:
                done.cancel()

    async def _do(self, batch: list[tuple[Item, asyncio.Future[None]]]) -> None:
        try:
            await self._run([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to who asked
            if len(batch) == 1:
                _tell(batch[0][1], error)
                return
            for one in batch:
                if not one[1].cancelled():  # whoever asked may have gone away meanwhile
                    await self._do([one])
        else:
            for _, done in batch:
                _tell(done)


def _tell(done: asyncio.Future[None], error: Exception | None = None) -> None:
    if done.cancelled():
        return  # who asked has gone away
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
