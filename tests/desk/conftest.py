"""One world and one Chromium for all tests of this folder; each test has orders and a window of its own.

The windows' pictures go to a temporary folder, or to the one that PICTURES names (`make screenshots`).
"""

import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.desk import chromium
from tests.desk.pages import Pictures
from tests.desk.world import Desk, open_desk
from tests.patience import PATIENCE


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium. Without one the tests are skipped; on CI they fail."""
    program = chromium.find()
    if program is None:
        (pytest.fail if chromium.on_ci() else pytest.skip)(chromium.HOW_TO_GET_ONE)
    async with async_playwright() as playwright:
        # Chromium's sandbox refuses root, which is who runs in a container
        as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = await playwright.chromium.launch(executable_path=program, args=["--disable-gpu", *as_root])
        yield started
        await started.close()


@pytest.fixture(scope="session")
async def desk(browser: Browser, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Desk]:
    """Everything that `promisekeeper dev` runs. `browser` comes first: without one nothing need be started."""
    # not pytest's own folder: PostgreSQL's user has to pass, and a socket's path is short
    with tempfile.TemporaryDirectory(prefix="pk-") as made:
        os.chmod(made, 0o755)
        async with open_desk(Path(made) / "world", unused_tcp_port_factory) as opened:
            yield opened


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """An operator's window."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 1800},
        color_scheme="light",
        reduced_motion="reduce",  # what moves while a test waits is drawn by the processor that others need
    )
    context.set_default_timeout(PATIENCE * 1000)
    yield await context.new_page()
    await context.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    """Where pictures of the windows go."""
    return Pictures(Path(os.environ.get("PICTURES") or tmp_path))
