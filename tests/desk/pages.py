"""What a person sees and presses: the Temporal UI's list and its page of one workflow, and pictures of both.

Elements are found by the words and roles that people and screen readers find them by; by the UI's own test ids where
it has no words.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image
from playwright.async_api import FloatRect, FrameLocator, Locator, Page, expect

from tests.patience import PATIENCE

expect.set_options(timeout=PATIENCE * 1000)


PERSONAL = ("@", "Whitlock", "Lindqvist", "Alder Lane", "Mill Road")
"""Of the customers of these tests, what no picture may show."""

_TEXT_WITHIN = """clip => {
    const found = [], range = document.createRange(), texts = document.createTreeWalker(document.body, 4)
    const within = box => box.right > clip.x && box.left < clip.x + clip.width
        && box.bottom > clip.y && box.top < clip.y + clip.height
    while (texts.nextNode()) {
        range.selectNodeContents(texts.currentNode)
        if ([...range.getClientRects()].some(within)) found.push(texts.currentNode.data)
    }
    return found.join("\\n")
}"""


@dataclass(frozen=True)
class Pictures:
    """Pictures of what is looked at in a window, small enough for a repository."""

    folder: Path

    async def take(self, page: Page, name: str, shown: Locator, *, down_to: Locator | None = None) -> None:
        """Take a part of the window, or as much of it as ends with `down_to`; never a customer's name or address."""
        await page.mouse.move(0, 0)
        await page.evaluate("document.activeElement?.blur()")  # a frame around what had the focus says nothing
        clip = await _clip(shown, down_to)
        read = [await page.evaluate(_TEXT_WITHIN, clip)]
        read += [await frame.locator("body").inner_text() for frame in page.frames[1:]]
        assert not [word for word in PERSONAL if word in "\n".join(read)], f"{name} would show personal data"
        path = self.folder / f"{name}.png"
        await page.screenshot(path=path, animations="disabled", clip=clip)
        with Image.open(path) as picture:
            picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
        assert path.stat().st_size < 200_000


async def _clip(shown: Locator, down_to: Locator | None) -> FloatRect:
    """Where something is, in pixels of the window."""
    box = await shown.bounding_box()
    assert box is not None, "what is to be shown is not there"
    if down_to is not None:
        end = await down_to.bounding_box()
        assert end is not None, "what is to be shown last is not there"
        box["height"] = end["y"] + end["height"] - box["y"] + 24
    return box


_CLICK = """to => {
    const link = document.createElement("a")
    link.href = to
    document.body.append(link)
    link.click()
    link.remove()
}"""


async def follow(page: Page, link: str) -> None:
    """Go to a page of the UI: in a window that has the UI by a click on a link, which does not load it again."""
    if page.url.partition("/namespaces")[0] == link.partition("/namespaces")[0]:
        await page.evaluate(_CLICK, link)
    else:
        await page.goto(link)


@dataclass(frozen=True)
class WorkflowList:
    """The list of workflows that a query finds."""

    page: Page
    ui: str

    async def find(self, query: str) -> None:
        """Open the list with a query, as a link to it does."""
        await follow(self.page, f"{self.ui}/namespaces/default/workflows?query={quote(query)}")

    async def choose_columns(self, *, less: list[str], more: list[str]) -> None:
        """Set up the table; the browser remembers it."""
        await self.page.get_by_test_id("workflows-summary-table-configuration-button").click()
        for name in less:
            await self.page.get_by_test_id(f"orderable-list-item-{name}-remove-button").click()
        for name in more:
            await self.page.get_by_test_id(f"orderable-list-item-{name}-add-button").click()
        await self.page.reload()

    @property
    def rows(self) -> Locator:
        """One for each workflow found."""
        return self.page.get_by_test_id("workflows-summary-configurable-table-row")

    async def open(self, workflow_id: str) -> "WorkflowPage":
        """Follow the link of a workflow."""
        await self.page.get_by_role("link", name=workflow_id, exact=True).click()
        return WorkflowPage(self.page)


@dataclass(frozen=True)
class WorkflowPage:
    """The page of one workflow."""

    page: Page

    @property
    def details(self) -> Locator:
        """The frame with the current details, once they are read."""
        return self.page.locator("#user-metadata-current-details")

    async def read(self) -> FrameLocator:
        """Open the tab that tells the story; the current details, which the UI renders in a frame."""
        await self.page.get_by_role("tab", name="User Metadata").click()
        return self.details.content_frame

    async def read_until(self, *words: str) -> None:
        """Ask for fresh details until they say all that."""
        details = (await self.read()).locator("body")
        told = ""
        try:
            async with asyncio.timeout(PATIENCE):
                while not all(word in told for word in words):
                    await self.page.keyboard.press("r")
                    told = await details.inner_text()
                    await asyncio.sleep(0.5)  # each press is a query; the workflow moves in another process
        except TimeoutError:
            raise AssertionError(f"the details never said {words}, but {told!r}") from None

    async def updates(self) -> list[tuple[str, str]]:
        """The updates that the dialog offers, each with what it says of it."""
        dialog = await self._choose_update()
        await expect(dialog.get_by_role("option").first).to_be_visible()
        said = [text.partition("\n") for text in await dialog.get_by_role("option").all_inner_texts()]
        return [(name.strip(), description.strip()) for name, _, description in said if name.strip() != "Custom"]

    async def start_update(self, name: str, data: dict[str, Any] | None = None) -> Locator:
        """Fill in the dialog of an update; `submit` sends it."""
        dialog = await self._choose_update()
        await dialog.get_by_role("option", name=name).click()
        if data is None:
            return dialog
        text = dialog.get_by_role("textbox", name="Data")
        await text.fill(json.dumps(data))
        # on leaving it the editor breaks the lines, which moves the button that a hasty click is aimed at
        await text.blur()
        await expect(text.locator(".cm-line")).to_have_count(len(data) + 2)
        return dialog

    async def submit(self, dialog: Locator) -> None:
        """Send a filled-in update and wait until the workflow has answered."""
        await dialog.get_by_role("button", name="Submit").click()
        await expect(self.page.get_by_test_id("toast-live-region-polite")).to_contain_text("Update successful")

    async def request_cancellation(self) -> None:
        """Press the button, and say yes."""
        await self.page.get_by_role("button", name="Request Cancellation").click()
        asked = self.page.get_by_role("dialog")  # a role is only what is shown, and the page is full of closed ones
        await asked.get_by_test_id("confirm-modal-button").click()

    async def show_timeline(self) -> Locator:
        """Open the tab with one line for each step, and go to the lines: above them is the order, with its customer."""
        await self.page.get_by_role("tab", name="Timeline").click()
        lines = self.page.get_by_role("heading", name="Timeline").locator("xpath=ancestor::div[3]")
        await lines.scroll_into_view_if_needed()
        return lines

    async def _choose_update(self) -> Locator:
        await self.page.get_by_role("button", name="More Actions").click()
        await self.page.get_by_role("menuitem", name="Send an Update").click()
        dialog = self.page.get_by_role("dialog", name="Send an Update")
        await dialog.get_by_role("button", name="Select an Update").click()
        return dialog
