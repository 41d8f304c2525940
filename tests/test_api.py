"""The front door: every promised name is there, and opening it is quick."""

import importlib
import inspect
import subprocess
import sys

import pytest

import lesionloop
from lesionloop.versions import versions

#: Names that other programs rely on.
PROMISED = (
    "CaseScore", "Grid", "Scribble", "ScribbleSet", "Study", "Trace", "Volume", "aggregate",
    "load_segmenter", "read_dicom_study", "read_study", "run_loop", "score_case",
    "simulate_scribble", "write_mask",
)  # fmt: skip

#: What ``import lesionloop`` must not load.
HEAVY = (
    "numpy",
    "scipy",
    "SimpleITK",
    "pydicom",
    "highdicom",
    "nibabel",
    "cc3d",
    "edt",
    "pydantic",
)


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", lesionloop.__all__)
def test_every_listed_name_can_be_imported(name: str) -> None:
    assert getattr(lesionloop, name) is not None


def test_promised_names_are_listed() -> None:
    assert set(PROMISED) <= set(lesionloop.__all__)


def test_the_list_is_the_lazy_table_and_sorted() -> None:
    assert set(lesionloop.__all__) == set(lesionloop._HOME_OF)
    assert sorted(set(lesionloop.__all__)) == lesionloop.__all__
    assert set(lesionloop.__all__) <= set(dir(lesionloop))


@pytest.mark.parametrize("name", lesionloop.__all__)
def test_a_name_is_the_one_of_its_home_and_listed_there(name: str) -> None:
    home = importlib.import_module(f"lesionloop.{lesionloop._HOME_OF[name]}")
    assert getattr(lesionloop, name) is getattr(home, name)
    assert name in home.__all__


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("read_study", ["ct", "pet", "tracer"]),
        ("read_dicom_study", ["folder"]),
        ("write_mask", ["mask", "where", "path"]),
        ("simulate_scribble", ["mask", "strategy", "seed"]),
        ("score_case", ["prediction", "reference", "spacing"]),
        ("aggregate", ["scores", "weighted"]),
        ("load_segmenter", ["name", "options"]),
        ("run_loop", ["segmenter", "study", "reader", "steps", "out"]),
    ],
)
def test_promised_parameters(name: str, parameters: list[str]) -> None:
    found = list(inspect.signature(getattr(lesionloop, name)).parameters)
    assert found[: len(parameters)] == parameters


def test_promised_defaults() -> None:
    def default(name: str, parameter: str) -> object:
        return inspect.signature(getattr(lesionloop, name)).parameters[parameter].default

    assert default("simulate_scribble", "seed") == 42
    assert default("run_loop", "steps") == 5
    assert default("aggregate", "weighted") is False
    assert default("read_study", "tracer") is None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'segment_everything'"):
        lesionloop.segment_everything  # noqa: B018
    with pytest.raises(ImportError):
        exec("from lesionloop import segment_everything")  # noqa: S102


def test_import_loads_nothing_heavy() -> None:
    code = (
        f"import sys, lesionloop; dir(lesionloop); print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert run(code) == "[]"


def test_import_takes_a_part_of_half_a_second() -> None:
    code = (
        "import time; start = time.perf_counter(); import lesionloop;"
        " print(time.perf_counter() - start)"
    )
    assert min(float(run(code)) for _ in range(3)) < 0.25


def test_versions_are_strings_of_what_is_installed() -> None:
    found = versions()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    for name in ("lesionloop", "numpy", "pyjpegls", "python-gdcm"):
        assert found[name][0].isdigit()
    assert all(isinstance(value, str) for value in found.values())
