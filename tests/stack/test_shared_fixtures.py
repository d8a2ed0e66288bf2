"""The session's servers themselves: what every other test takes for granted."""

from datetime import timedelta

import psycopg
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from devstack.postgres import Postgres


@workflow.defn(sandboxed=False)  # the server is looked at here, not the sandbox
class Wait:
    """Waits thirty days."""

    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(timedelta(days=30))
        return workflow.now().isoformat()


async def test_postgres_answers_and_speaks_utf8(postgres_server: Postgres) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_server.dsn()) as connection:
        row = await (
            await connection.execute("SELECT 'Grüße, 東京' < 'z', current_setting('server_encoding')")
        ).fetchone()
    assert row == (True, "UTF8")


async def test_a_month_passes_in_a_moment(env: WorkflowEnvironment) -> None:
    async with Worker(env.client, task_queue="stack", workflows=[Wait]):
        handle = await env.client.start_workflow(Wait.run, id="wait", task_queue="stack")
        started = await env.get_current_time(handle)
        await env.fast_forward(handle, timedelta(days=31))
        assert await handle.result() >= (started + timedelta(days=29)).isoformat()
