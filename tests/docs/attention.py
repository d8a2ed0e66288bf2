"""Finds, in the code itself, everything an operator can be asked for: the texts that become somebody's attention."""

import ast
from collections.abc import Iterator

from tests.docs.readme import ROOT

FOLDERS = ("activities", "domain", "ledger", "workflows")
_NAMES = {"what", "need", "trouble"}
"""Variables that hold such a text on its way to the books."""
_SAY = {"_no_supplier", "_silent", "_ends_again_and_again", "_unknown_to_the_ledger"}
"""Functions that make up such a text."""


def texts() -> list[str]:
    """Each text's longest fixed part, which the page on operations has to have."""
    found: set[str] = set()
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(part for text in _of(ast.parse(path.read_text())) if len(part := _fixed(text)) > 12)
    return sorted(found)


def _of(module: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(module):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _NAMES:
                yield from _strings(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name in _NAMES:
                yield from _strings(value)
            case ast.Assign(targets=[ast.Name(id="incidents")], value=value):
                yield from _strings(value)
            case ast.AugAssign(target=ast.Name(id="incidents"), value=value):
                yield from _strings(value)
            case ast.Call(func=ast.Attribute(attr="append", value=ast.Name(id="incidents")), args=[value]):
                yield from _strings(value)
            case ast.Call(func=ast.Attribute(attr="_raise_attention"), args=[value]):
                yield from _strings(value)
            case ast.keyword(arg="incidents" | "need", value=value):
                yield from _strings(value)
            case ast.FunctionDef(name=name) if name in _SAY:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value:
                        yield from _strings(inner.value)
            case ast.Return(value=ast.Tuple(elts=[ast.Constant(value=None), value])):  # of `keep_receipt`
                yield from _strings(value)
            case _:
                pass


def _strings(value: ast.expr) -> Iterator[ast.expr]:
    match value:
        case ast.JoinedStr() | ast.Constant(value=str()):
            yield value
        case ast.Tuple(elts=parts):
            for part in parts:
                yield from _strings(part)
        case ast.BinOp(left=left, right=right):
            yield from _strings(left)
            yield from _strings(right)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _strings(body)
            yield from _strings(orelse)
        case _:
            pass


def _fixed(text: ast.expr) -> str:
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    fixed = [part.value.strip() for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return max(fixed, key=len, default="")
