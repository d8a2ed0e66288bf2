"""The commands that each workflow gives, in order, read off its source: what an edit must not change unawares.

For the workflow modules this is an outline: of each function that gives commands, the calls by which it does, and the
conditions they stand under. For the pure rules that say which duty is next, it is a digest of each function: there any
change of a condition changes what is done next. Texts, comments, docstrings and arguments do not count.

`python -m tests.replay.fingerprint` writes it anew.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMITTED = Path(__file__).with_name("fingerprint.txt")

WORKFLOWS = (
    *("workflows/backorder.py", "workflows/purchase_order.py", "workflows/duty_workflow.py"),
    *("workflows/mailbox.py", "workflows/sweeps.py"),
)
RULES = ("domain/duties.py", "domain/backorder_duty.py", "domain/purchase_order_duty.py")

COMMANDS = frozenset(
    {
        "execute_activity_method",
        "execute_local_activity_method",
        "sleep",
        "wait_condition",
        "patched",
        "deprecate_patch",
        "continue_as_new",
        "upsert_search_attributes",
    }
)
"""Functions of `temporalio.workflow` that write into the history, or decide what does."""

BRANCHES = (ast.If, ast.While, ast.For, ast.Try, ast.Match)
WAYS_OUT = (ast.Return, ast.Break, ast.Continue, ast.Raise)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def fingerprint() -> str:
    """All of it, as text whose lines say what they are about."""
    modules = {path: _functions(path) for path in (*WORKFLOWS, *RULES)}
    giving = _giving_commands(function for path in WORKFLOWS for function in modules[path].values())
    lines: list[str] = []
    for path in WORKFLOWS:
        lines += [f"{path}: {ast.unparse(one)}" for one in _kinds_of_steps(path)]
        for name, function in modules[path].items():
            if function.name in giving:
                lines += [f"{path}: {name}", *_outline(function.body, giving, "    ")]
    for path in RULES:
        lines += [f"{path}: {name} {_digest(function)}" for name, function in modules[path].items()]
    return "\n".join(lines) + "\n"


def _functions(path: str) -> dict[str, Function]:
    found: dict[str, Function] = {}
    tree = ast.parse((ROOT / path).read_text())
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        found |= {f"{prefix}{one.name}": one for one in inner if isinstance(one, Function)}
    return found


def _kinds_of_steps(path: str) -> Iterator[ast.stmt]:
    """Which steps are activities, which local ones."""
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.ClassDef):
            yield from (one for one in node.body if isinstance(one, ast.Assign) and "Do." in ast.unparse(one))


def _giving_commands(functions: Iterator[Function]) -> frozenset[str]:
    """The names of the functions that give commands, themselves or through another of them."""
    calls: dict[str, set[str]] = {}
    for one in functions:
        calls.setdefault(one.name, set()).update(_called(call) for call in _calls(one))
    giving: frozenset[str] = COMMANDS
    while more := {name for name, called in calls.items() if name not in giving and called & giving}:
        giving |= more
    return giving


def _calls(node: ast.AST) -> list[ast.Call]:
    """The calls below a node, in the order they stand in."""
    found = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
    return sorted(found, key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0))


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _outline(body: list[ast.stmt], giving: frozenset[str], indent: str) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, BRANCHES):
            if any(isinstance(n, WAYS_OUT) for n in ast.walk(statement)) or list(_given(statement, giving, "")):
                for head, block in _blocks(statement):
                    yield f"{indent}{head}"
                    yield from _outline(block, giving, indent + "    ")
        else:
            yield from _given(statement, giving, indent)
            if isinstance(statement, WAYS_OUT):
                yield f"{indent}out {type(statement).__name__.lower()}"


def _given(node: ast.AST, giving: frozenset[str], indent: str) -> Iterator[str]:
    for call in _calls(node):
        if _called(call) in giving:
            first = (
                ast.unparse(call.args[0]) if call.args and isinstance(call.args[0], ast.Attribute | ast.Name) else ""
            )
            yield f"{indent}-> {_called(call)}({first})"


def _blocks(node: ast.stmt) -> Iterator[tuple[str, list[ast.stmt]]]:
    match node:
        case ast.If():
            yield f"if {_condition(node.test)}", node.body
            match node.orelse:
                case [ast.If() as other]:
                    yield from (
                        (f"el{head}" if n == 0 else head, block) for n, (head, block) in enumerate(_blocks(other))
                    )
                case [_, *_]:
                    yield "else", node.orelse
        case ast.While():
            yield f"while {_condition(node.test)}", node.body
        case ast.For():
            yield f"for {ast.unparse(node.target)} in {_condition(node.iter)}", node.body
        case ast.Try():
            yield "try", node.body
            for handler in node.handlers:
                yield f"except {ast.unparse(handler.type) if handler.type else ''}", handler.body
            if node.orelse:
                yield "else", node.orelse
        case ast.Match():
            for case in node.cases:
                yield f"case {ast.unparse(case.pattern)}", case.body
        case _:  # nothing else is among BRANCHES
            raise TypeError(node)


def _condition(node: ast.AST) -> str:
    return ast.unparse(_Wordless().visit(node))


def _digest(function: Function) -> str:
    text = ast.dump(_Wordless().visit(function), annotate_fields=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Wordless(ast.NodeTransformer):
    """Takes out what only people read."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return ast.Constant("...")

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        sentence = isinstance(node.value, str) and " " in node.value
        return ast.Constant("...") if sentence else node


if __name__ == "__main__":
    COMMITTED.write_text(fingerprint())
    print(f"wrote {COMMITTED.relative_to(ROOT)}")
