"""``lesionloop reader-study``: a protocol from a data folder, its plan, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionloop.reader_study import read_protocol

Cli = Callable[..., Any]
Refused = Callable[..., str]


@pytest.fixture
def data(small: Any, tmp_path: Path) -> Path:
    folder: Path = small.dataset(tmp_path / "data", "fdg_one", "fdg_two", 'fdg "three"')
    return folder


@pytest.fixture
def protocol(cli: Cli, data: Path, tmp_path: Path) -> Path:
    path = tmp_path / "study.toml"
    outcome = cli(
        "reader-study", "init", path, "--data", data, "--readers", "Dr. A, B", "--seed", 9
    )
    assert (outcome.code, outcome.out.strip()) == (0, str(path))
    assert "3 cases, 2 readers" in outcome.err
    return path


def test_init_writes_a_protocol_that_is_ready(protocol: Path, cli: Cli) -> None:
    found = read_protocol(protocol)
    assert found.cases == ('fdg "three"', "fdg_one", "fdg_two")
    assert (found.readers, found.seed, found.design) == (("Dr. A", "B"), 9, "crossover")
    outcome = cli("reader-study", "plan", protocol)
    assert outcome.code == 0
    assert outcome.out.count("assisted") == outcome.out.count("manual") == 6
    assert "14 days between" in outcome.out
    rows = json.loads(cli("reader-study", "plan", protocol, "--json").out)
    assert len(rows) == 12
    assert list(rows[0]) == ["reader", "period", "label", "case", "arm"]


def test_two_studies_of_one_name_are_told_by_their_ids(
    small: Any, cli: Cli, tmp_path: Path
) -> None:
    for place in ("a", "b"):
        small.dataset(tmp_path / "data" / place, "same")
    path = tmp_path / "study.toml"
    cli("reader-study", "init", path, "--data", tmp_path / "data", "--readers", "A")
    first, second = read_protocol(path).cases
    assert first != second
    assert len(first) == len(second) == 20


def test_what_is_refused(refused: Refused, protocol: Path, data: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.toml"
    refused("reader-study", "init", new, says=("--data",))
    refused("reader-study", "init", new, "--data", tmp_path / "no", says=("no such folder",))
    refused("reader-study", "init", new, "--data", data, says=("readers is empty",))
    refused("reader-study", "init", new, "--data", data, "--readers", "A", "--template", "x",
            says=("annotation-time",))  # fmt: skip
    refused("reader-study", "init", protocol, "--data", data, "--readers", "A", says=("exists",))
    refused("reader-study", "plan", new, says=("new.toml",))
    refused("reader-study", "table", protocol, says=("--state",))
    refused("reader-study", "table", protocol, "--state", tmp_path / "none", says=("--out",))
    refused("reader-study", "table", protocol, "--state", tmp_path / "none",
            "--out", tmp_path / "out", says=("no reading was begun",))  # fmt: skip
    new.write_text(protocol.read_text().replace("seed = 9", "seed = nine"))
    refused("serve", data, "--reader-study", new, "--state", tmp_path / "state", "--port", 0,
            says=("new.toml", "line"))  # fmt: skip
