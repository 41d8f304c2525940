"""The documentation names things that exist."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import pytest
import typer

import lesionloop
from lesionloop.cli.main import app
from lesionloop.cohort import ScoreRow
from lesionloop.metrics.loop_summary import LoopSummary
from lesionloop.segmenters import load_segmenter

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "containers/README.md"])
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    text = page.read_text(encoding="utf-8")
    yield from re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def command_lines(page: Path) -> Iterator[list[str]]:
    for _, text in blocks(page):
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("lesionloop "):
                yield shlex.split(line, comments=True)[1:]


def table(page: str, heading: str) -> dict[str, list[str]]:
    """Rows of the first table below a heading: every name in the first cell -> all cells."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1]
    rows: dict[str, list[str]] = {}
    for line in text.split("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        names = re.findall(r"`(\w+)`", cells[0]) if line.startswith("| `") else []
        rows.update(dict.fromkeys(names, cells))
    return rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path) -> None:
    for name, *words in command_lines(page):
        if name == "--help":
            continue
        command = COMMANDS[name]
        while hasattr(command, "commands"):  # a command with commands of its own
            command = command.commands[words.pop(0)]
        known = {text for option in command.params for text in option.opts}
        given = {word for word in words if re.match(r"--?[a-z]", word)}
        assert given <= known, (name, given - known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_uses_the_front_door(page: Path) -> None:
    for kind, text in blocks(page):
        if kind == "python":
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ImportFrom) and node.module == "lesionloop":
                    assert {alias.name for alias in node.names} <= set(lesionloop.__all__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_json_examples_are_json() -> None:
    found = [text for page in PAGES for kind, text in blocks(page) if kind == "json"]
    assert found
    for text in found:
        json.loads(text)


@pytest.mark.parametrize("name", ["default", "propagate", "threshold"])
def test_every_option_stands_in_its_table_with_its_default(name: str) -> None:
    segmenter = load_segmenter(name)
    rows = table("how-it-segments.md", name)
    defaults = asdict(segmenter)  # type: ignore[call-overload]
    assert list(rows) == list(defaults)
    for option, value in defaults.items():
        told = rows[option][1].strip("`")
        if value is None:
            assert told.startswith("none")
        elif isinstance(value, dict):
            assert json.loads(told) == value
        else:
            assert told == str(value)


def test_the_columns_of_scores_csv_are_all_told() -> None:
    assert list(table("formats.md", "scores.csv")) == [column.name for column in fields(ScoreRow)]


def test_the_keys_of_a_summary_are_all_told() -> None:
    told = set(table("formats.md", "summary.json"))
    assert told == {"segmenter", "strategy", *(key.name for key in fields(LoopSummary))}
