"""A report as a file: JSON, with what is derived (ratios, goals met) written for readers and not read back."""

import json
from pathlib import Path

from bench.figures import Figure, Report


def write(report: Report, path: Path) -> None:
    """Write it, and the folder it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report.model_dump_json(indent=2) + "\n")


def read(path: Path) -> Report:
    """Read it.

    Raises:
        OSError: there is no such file.
        pydantic.ValidationError: it is no report, or one of another version.
    """
    content = json.loads(path.read_text())
    for result in content["results"]:
        for figure in result["figures"]:
            for derived in Figure.model_computed_fields:
                figure.pop(derived, None)
    return Report.model_validate(content)
