"""Engines, memory and disks: the same results everywhere, and nothing lost where there is none."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lesionloop.cohort import evaluate
from lesionloop.cohort.admission import available_memory, case_memory, total_memory
from lesionloop.datasets import find_cases
from lesionloop.errors import InputError

DatasetMaker = Callable[..., Path]


def timeless(out: Path) -> list[tuple[str, ...]]:
    with (out / "scores.csv").open(newline="") as file:
        return [tuple(row.values())[:-1] for row in csv.DictReader(file)]


def test_ray_gives_what_local_processes_give(
    make_dataset: DatasetMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    dataset = make_dataset(("psma_a", "fdg_b", "c"))
    (dataset / "imagesTr" / "c_0001.nii.gz").write_bytes(b"damaged")
    settings: dict[str, dict[str, Any]]
    settings = {"here": {}, "two": {"workers": 2}, "ray": {"workers": 2, "engine": "ray"}}
    for out, more in settings.items():
        found = evaluate(
            dataset, tmp_path / out, segmenters=["threshold", "propagate"], steps=2, **more
        )
        assert [failed.run.files.name for failed in found.failures] == ["c", "c"]
    assert timeless(tmp_path / "two") == timeless(tmp_path / "here")
    assert timeless(tmp_path / "ray") == timeless(tmp_path / "here")


def test_parquet_holds_what_the_table_holds(make_dataset: DatasetMaker, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "out"
    (out / "scores.parquet").mkdir(parents=True)
    (out / "scores.parquet" / "old.parquet").write_bytes(b"of an evaluation before")
    parts: list[int] = []

    def count(*_: object) -> None:
        parts.append(len(list((out / "scores.parquet").glob("*.parquet"))))

    evaluate(make_dataset(), out, segmenters=["threshold"], steps=2, on_result=count)
    assert parts == [1, 2]  # each as its run ends
    rows = parquet.read_table(out / "scores.parquet").to_pylist()
    found = sorted((row["case"], row["step"], row["dice"]) for row in rows)
    with (out / "scores.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert found == sorted((row["case"], int(row["step"]), float(row["dice"])) for row in table)


def test_a_case_that_can_never_fit_is_said_and_not_begun(
    make_dataset: DatasetMaker, tmp_path: Path
) -> None:
    dataset = make_dataset()
    needs = [case_memory(case) for case in find_cases(dataset)]
    assert needs[0] < needs[1]  # the second has one slice more
    found = evaluate(dataset, tmp_path / "out", segmenters=["threshold"], steps=0, memory=needs[0])
    (failed,) = found.failures
    assert failed.run.files.name == "psma_b"
    assert "not started" in str(failed.failure)
    assert not failed.run.folder.exists()
    whole = evaluate(dataset, tmp_path / "out", segmenters=["threshold"], steps=0)
    assert not whole.failures


def test_free_memory_is_less_than_all_of_it() -> None:
    free, total = available_memory(), total_memory()
    assert free is not None
    assert total is not None
    assert 0 < free < total


#: The propagate segmenter, slowed down so that a worker can be killed while it works.
SLOWED = """
import os, sys, time
from pathlib import Path
from typing import Any
from lesionloop.interaction import loop
predict = loop._Loop._predict
def slow(*args):
    (Path(os.environ["PIDS"]) / str(os.getpid())).touch()
    time.sleep(0.3)
    return predict(*args)
loop._Loop._predict = slow
from lesionloop.cli import main
if __name__ == "__main__":
    sys.argv = ["lesionloop", *sys.argv[1:]]
    main()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_a_killed_worker_costs_one_run_and_the_next_evaluation_mends_it(
    make_dataset: DatasetMaker, tmp_path: Path
) -> None:
    dataset, pids, out = make_dataset(tuple("abcd")), tmp_path / "pids", tmp_path / "out"
    pids.mkdir()
    script = tmp_path / "slowed.py"
    script.write_text(SLOWED)
    arguments: list[str | Path] = [
        "evaluate",
        dataset,
        "--segmenter",
        "propagate",
        "--workers",
        "2",
        "--out",
        out,
    ]
    process = subprocess.Popen(
        [sys.executable, script, *arguments],
        env={**os.environ, "PIDS": str(pids)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while len(list(pids.iterdir())) < 2 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(int(next(pids.iterdir()).name), signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert b"SIGKILL" in errors
    summary = json.loads((out / "summary.json").read_text())
    assert len(summary["failures"]) == 1
    assert len({row[0] for row in timeless(out)}) == 3
    assert not evaluate(dataset, out, segmenters=["propagate"]).failures
    evaluate(dataset, tmp_path / "whole", segmenters=["propagate"])
    assert timeless(out) == timeless(tmp_path / "whole")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; only root may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "lesionloop-test", place],
        check=False, capture_output=True,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system")
    yield place
    subprocess.run(["umount", "-l", place], check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
def test_a_full_disk_loses_nothing(
    make_dataset: DatasetMaker, tmp_path: Path, small_disk: Path
) -> None:
    dataset, out = make_dataset(), small_disk / "out"
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 200_000)
    with pytest.raises(InputError, match="No space left"):
        evaluate(dataset, out, segmenters=["propagate"])
    assert not list(out.rglob(".lesionloop-*"))
    assert not (out / "scores.csv").exists()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    evaluate(dataset, out, segmenters=["propagate"])
    evaluate(dataset, tmp_path / "whole", segmenters=["propagate"])
    assert timeless(out) == timeless(tmp_path / "whole")
