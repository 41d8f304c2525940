"""Errors: three lines for the reader, and the same after a trip between processes."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from lesionloop.errors import GatewayError, InputError, LesionLoopError, OutputError
from lesionloop.imaging.dicom.suv import SuvError
from lesionloop.imaging.grid import Grid

KINDS = (LesionLoopError, InputError, OutputError, GatewayError, SuvError)


@pytest.mark.parametrize(
    ("parts", "lines"),
    [
        ({}, ["what"]),
        ({"cause": "Why."}, ["what", "  Why."]),
        ({"remedy": "Do."}, ["what", "  Do."]),
        ({"cause": "Why.", "remedy": "Do."}, ["what", "  Why.", "  Do."]),
    ],
)
def test_one_line_for_each_part(parts: dict[str, str], lines: list[str]) -> None:
    assert str(InputError("what", **parts)).split("\n") == lines


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_survive_pickling(kind: type[LesionLoopError], protocol: int) -> None:
    error = kind("what", cause="Why.", remedy="Do.")
    back = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301  (our own bytes)
    assert type(back) is kind
    assert (back.what, back.cause, back.remedy) == ("what", "Why.", "Do.")
    assert str(back) == str(error)


def test_survive_the_way_back_from_a_worker() -> None:
    sheared = (1.0, 0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        job = pool.submit(Grid, (2, 3, 4), (1.0, 1.0, 1.0), direction=sheared)
        error = job.exception()
    assert type(error) is InputError
    assert "not orthonormal" in error.what
    assert "off by 0.5" in str(error.cause)
    assert "Resample" in str(error.remedy)


def test_kinds_that_callers_may_catch() -> None:
    assert issubclass(InputError, ValueError)
    assert not issubclass(OutputError, ValueError)
    assert all(issubclass(kind, LesionLoopError) for kind in KINDS)
