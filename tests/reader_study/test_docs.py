"""The documentation tells every column and key, and the package stands below the viewer."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from lesionloop.reader_study.protocol import _KEYS
from lesionloop.reader_study.table import CaseRow

PAGE = Path(__file__).parents[2] / "docs" / "reader-studies.md"


def told(heading: str) -> list[str]:
    """Names in the first cells of the table below a heading."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`\[?(\w+)\]?`", cell)]


def test_every_column_is_told() -> None:
    assert sorted(told("What comes out")) == sorted(column.name for column in fields(CaseRow))


def test_every_key_is_told() -> None:
    assert sorted(told("The protocol")) == sorted(_KEYS)


def test_nothing_of_the_viewer_is_imported() -> None:
    code = (
        "import sys, lesionloop.reader_study.report;"
        "print([m for m in sys.modules if m.startswith(('lesionloop.viewer', 'lesionloop.cli'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
