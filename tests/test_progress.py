"""Telling how far it is, and being stopped."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lesionloop.imaging import Grid, Quantity, Volume, read_study, write_volume
from lesionloop.progress import CancelledError, stage, tell, watched


def test_stages_fit_into_each_other() -> None:
    told: list[float] = []
    with watched(told.append):
        tell(0.0)
        with stage(0.5, 0.9):
            tell(0.5)
            with stage(0.5, 1.0):
                tell(1.0)
        tell(1.0)
    assert told == pytest.approx([0.0, 0.5, 0.7, 0.7, 0.9, 1.0])


def test_nobody_watches() -> None:
    told: list[float] = []
    with watched(told.append):
        tell(0.1)
    tell(0.2)
    with stage(0.2, 0.4):
        tell(1.0)
    assert told == [0.1]


def test_a_watcher_belongs_to_its_thread() -> None:
    """Two computations at a time are told apart; what a pool does is told where it is taken."""
    told: dict[str, list[float]] = {"one": [], "two": []}
    both = threading.Barrier(2)

    def compute(name: str, part: float) -> None:
        with watched(told[name].append):
            both.wait(5)
            with ThreadPoolExecutor(2) as pool:
                for _ in pool.map(tell, [0.9, 0.9]):
                    tell(part)
            both.wait(5)

    threads = [threading.Thread(target=compute, args=pair) for pair in (("one", 0.1), ("two", 0.2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == {"one": [0.1, 0.1], "two": [0.2, 0.2]}


def test_who_catches_failures_does_not_catch_it() -> None:
    def stop(_: float) -> None:
        raise CancelledError

    def careful() -> None:
        try:
            tell(0.5)
        except Exception:
            pytest.fail("taken for a failure")

    with pytest.raises(CancelledError), watched(stop), stage(0.1, 0.2):
        careful()


def test_reading_can_be_followed_and_stopped(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((20, 18, 40)).astype(np.float32)
    write_volume(
        Volume(values, Grid((20, 18, 40), (4.0, 4.0, 4.0)), Quantity.SUV_BW), tmp_path / "pet.mha"
    )
    fine = Volume(values.astype(np.int16), Grid((20, 18, 40), (3.9, 4.1, 4.2)), Quantity.HU)
    write_volume(fine, tmp_path / "ct.mha")
    told: list[float] = []
    with watched(told.append):
        study = read_study(tmp_path / "ct.mha", tmp_path / "pet.mha")
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert len(told) >= 4
    for count in range(len(told)):
        left = [count]

        def stop(_: float, left: list[int] = left) -> None:
            if left[0] == 0:
                raise CancelledError
            left[0] -= 1

        with pytest.raises(CancelledError), watched(stop):
            read_study(tmp_path / "ct.mha", tmp_path / "pet.mha")
    again = read_study(tmp_path / "ct.mha", tmp_path / "pet.mha")
    assert study.ct is not None
    assert again.ct is not None
    np.testing.assert_array_equal(again.ct.values, study.ct.values)
