"""A shop whose payloads are sealed, and a look at what Temporal then holds, through a client without keys."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.sealing import KeyRing, data_converter, fresh_key
from tests.conftest import temporal_for_tests
from tests.workflows.shop import Shop, open_shop

KEYS = f"{fresh_key('now')},{fresh_key('before')}"


@pytest.fixture(scope="session")
async def env() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server whose client seals what it sends."""
    async with temporal_for_tests(data_converter(KeyRing.read(KEYS))) as environment:
        yield environment


@pytest.fixture
async def shop(env: WorkflowEnvironment, tmp_path: Path, ledger_dsn: str) -> AsyncIterator[Shop]:
    """A shop with its own ledger, outside world, gateway and worker, all with the keys."""
    async with open_shop(env, tmp_path, ledger_dsn, uuid.uuid4().hex[:12], payload_keys=KEYS) as open_for_business:
        yield open_for_business


@pytest.fixture
async def stranger(env: WorkflowEnvironment) -> Client:
    """Somebody who may read all that Temporal holds, and has no keys."""
    config = env.client.service_client.config
    return await Client.connect(config.target_host, namespace=env.client.namespace)
