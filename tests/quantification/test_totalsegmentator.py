"""TotalSegmentator as a program on the PATH: a stand-in, its absence and its failures."""

import stat
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Volume
from lesionloop.quantification.organ_map import read_organ_map
from lesionloop.quantification.totalsegmentator import (
    require_totalsegmentator,
    run_totalsegmentator,
    weights_folder,
)

GRID = Grid((6, 5, 4), (2.0, 3.0, 5.0), (10.0, -4.0, 7.0))
CT = Volume(np.arange(120, dtype=np.int16).reshape(6, 5, 4), GRID, Quantity.HU, "ct of case")

#: Labels a voxel 5 (liver) where the CT is above 60 HU; keeps its arguments.
PROGRAM = """#!{python}
import sys
from pathlib import Path
import nibabel as nib
import numpy as np
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
Path({said!r}).write_text(" ".join(sys.argv[1:]))
image = nib.load(given["-i"])
labels = np.where(np.asarray(image.dataobj) > 60, 5, 0).astype(np.uint8)
{end}
"""
_SAVE = "nib.save(nib.Nifti1Image(labels, image.affine), given['-o'])"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the PATH, weights in place; returns where the program says its arguments."""
    said = tmp_path / "said.txt"
    _install(tmp_path, said, _SAVE)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path / "weights"))
    (tmp_path / "weights" / "Dataset297_x").mkdir(parents=True)
    return said


def _install(folder: Path, said: Path, end: str) -> None:
    program = folder / "bin" / "TotalSegmentator"
    program.parent.mkdir(exist_ok=True)
    program.write_text(PROGRAM.format(python=sys.executable, said=str(said), end=end))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_map_is_made(stand_in: Path, tmp_path: Path) -> None:
    out = tmp_path / "organs.nii.gz"
    run_totalsegmentator(CT, out)
    words = stand_in.read_text().split()
    assert words[4:] == ["--ml", "--task", "total", "--fast"]
    found = read_organ_map(out, GRID, names="totalsegmentator")
    assert found.organs == {"liver": (5,)}
    np.testing.assert_array_equal(found.labels > 0, CT.values > 60)
    np.testing.assert_allclose(nib.load(out).header.get_zooms(), GRID.spacing)


def test_the_fine_networks_are_others(stand_in: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights") as refusal:
        run_totalsegmentator(CT, tmp_path / "organs.nii.gz", fast=False)
    assert "Dataset291" in str(refusal.value)
    assert not stand_in.exists()


def test_without_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="need the program"):
        require_totalsegmentator()


def test_where_weights_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TOTALSEG_WEIGHTS_PATH", raising=False)
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(tmp_path))
    assert weights_folder() == tmp_path / "nnunet" / "results"
    monkeypatch.delenv("TOTALSEG_HOME_DIR")
    assert weights_folder() == Path.home() / ".totalsegmentator" / "nnunet" / "results"


@pytest.mark.parametrize(
    ("end", "says"), [("sys.exit('out of memory')", "out of memory"), ("pass", "wrote nothing")]
)
def test_a_failure_leaves_nothing(stand_in: Path, tmp_path: Path, end: str, says: str) -> None:
    _install(tmp_path, stand_in, end)
    with pytest.raises(InputError, match="made no organ map") as refusal:
        run_totalsegmentator(CT, tmp_path / "organs.nii.gz")
    assert says in str(refusal.value)
    assert not (tmp_path / "organs.nii.gz").exists()
