"""What the README shows, cut out so that it can be run: its marked code blocks and its marked tables."""

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"

_BLOCK = re.compile(r"<!-- tested: (?P<name>[\w-]+) -->\n(?P<indent> *)```\w+\n(?P<text>.*?)\n *```", re.DOTALL)
_TABLE = re.compile(r"<!-- table: (?P<name>[\w-]+) -->\n(?P<rows>(?:\|.*\n)+)")


def blocks() -> dict[str, str]:
    """Every marked code block by its name."""
    return {found["name"]: textwrap.dedent(found["text"]) for found in _BLOCK.finditer(README.read_text())}


def table(name: str) -> list[list[str]]:
    """The cells of a marked table, without its head; code marks are taken off."""
    rows = next(found["rows"] for found in _TABLE.finditer(README.read_text()) if found["name"] == name)
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows.splitlines()[2:]]
