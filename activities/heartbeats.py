"""Every step says that it lives, so that one whose worker died is soon given to another.

A step that was given to another, or whose workflow was terminated, learns it by its next heartbeat and is cancelled:
two tries at the same step hardly ever run at once, and where they do, keys make the second harmless.
"""

import asyncio
from contextlib import suppress
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


class Heartbeats(Interceptor):
    """Worker interceptor; see the module's docstring."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap every activity."""
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        within = activity.info().heartbeat_timeout
        if within is None:
            return await self.next.execute_activity(input)
        beating = asyncio.create_task(_beat(within.total_seconds() / 4))
        try:
            return await self.next.execute_activity(input)
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating


async def _beat(every: float) -> None:
    while True:
        await asyncio.sleep(every)  # first: most steps are over by then, and each beat is a call and a billable action
        activity.heartbeat()
