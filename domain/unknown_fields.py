"""Fields that a model ignores. What is stored and passed on may carry more than this version knows, so that versions
can run side by side; at a door, a field that nobody knows is a misspelt one, and must not be lost silently."""

import difflib
from collections.abc import Iterator, Mapping
from typing import cast, get_args

from pydantic import BaseModel


def unknown_fields(content: Mapping[str, object], model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str]]:
    """Walk parsed JSON or TOML beside the model that will read it.

    Args:
        content: a JSON or TOML object.
        model: what it will be read as; models in it, and lists of them, are walked too.
        above: the path down to it, ending in a dot.

    Yields:
        The dotted path of each unknown field, and the nearest name that is known, or "".
    """
    for name, value in content.items():
        field = model.model_fields.get(name)
        if field is None:
            near = difflib.get_close_matches(name, model.model_fields, n=1)
            yield f"{above}{name}", near[0] if near else ""
            continue
        inside = next((kind for kind in (field.annotation, *get_args(field.annotation)) if _is_model(kind)), None)
        if inside is None:
            continue
        for path, part in _parts(f"{above}{name}", value):
            yield from unknown_fields(part, cast("type[BaseModel]", inside), f"{path}.")


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _parts(path: str, value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The objects that are this value, or that it lists."""
    if isinstance(value, dict):
        yield path, cast("dict[str, object]", value)
    elif isinstance(value, list):
        for number, entry in enumerate(cast("list[object]", value)):
            yield from _parts(f"{path}.{number}", entry)
