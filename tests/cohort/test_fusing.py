"""Fused labels case by case: a fault of ours in one does not stop the others."""

from pathlib import Path

import pytest

from lesionloop.cohort import fusing
from lesionloop.datasets.trials import find_trials
from lesionloop.fusion import FuseOptions
from lesionloop.imaging import write_volume
from lesionloop.phantom.liver import PHASES, make_liver


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two cases; the first lacks a label."""
    phantom = make_liver(2, shape=(24, 22, 18), spacing=(12.0, 12.0, 12.0), lesions=1)
    for name in ("a", "b"):
        for phase in PHASES:
            for kind, volumes in (("images", phantom.images), ("labels", phantom.labels)):
                path = tmp_path / "in" / f"{kind}Tr" / name / f"{name}_{phase}.nii.gz"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_volume(volumes[phase], path)
    (tmp_path / "in" / "labelsTr" / "a" / f"a_{PHASES[1]}.nii.gz").unlink()
    return tmp_path / "in"


def test_a_lack_and_a_fault_are_told_apart(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by 0")

    monkeypatch.setattr(fusing, "fuse_phases", broken)
    lacks, fault = fusing.fuse_cases(find_trials(dataset), tmp_path / "out", FuseOptions())
    assert (lacks.name, lacks.record, lacks.is_fault) == ("a", None, False)
    assert str(lacks.problem).startswith(f"a lacks {PHASES[1]}\n")
    assert (fault.name, fault.record, fault.is_fault) == ("b", None, True)
    assert fault.problem == "ZeroDivisionError: by 0"
