"""One shop for each test."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.replay.recording import record
from tests.workflows.papyrus import Folders
from tests.workflows.shop import Shop, open_shop


@pytest.fixture
async def shop(
    env: WorkflowEnvironment, tmp_path: Path, ledger_dsn: str, request: pytest.FixtureRequest
) -> AsyncIterator[Shop]:
    """A shop with its own ledger, outside world, gateway and worker."""
    async with open_shop(env, tmp_path, ledger_dsn, uuid.uuid4().hex[:12]) as open_for_business:
        yield open_for_business
        await record(env.client, open_for_business.task_queue, request.node.name)


@pytest.fixture
async def papyrus(shop: Shop, tmp_path: Path) -> AsyncIterator[Folders]:
    folders = Folders(shop, tmp_path / "papyrus")
    yield folders
    await folders.mailbox.terminate()  # it never ends by itself
