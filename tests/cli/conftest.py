"""The command line as a user meets it: arguments in; exit code, stdout, stderr and files out."""

import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from tests.imaging.dicom.conftest import fdg, pet_header, write_series

from lesionloop.cli import main

#: The factory of synthetic DICOM series of the tests of the DICOM readers is used here as well.
__all__ = ["fdg", "pet_header", "write_series"]


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


class Small:
    """A small study and its label, made anew in any format; sides and spacings are unequal."""

    shape = (26, 22, 18)
    spacing = (4.0, 5.0, 6.0)
    #: As NIfTI has it, index to RAS mm.
    affine = np.array([[-4.0, 0, 0, 40], [0, -5.0, 0, 30], [0, 0, 6.0, -50], [0, 0, 0, 1]])
    name = "fdg_a.b c"

    def ball(self, centre: tuple[int, int, int], radius: float) -> NDArray[np.bool_]:
        """Voxels within a radius, in voxels."""
        away = np.indices(self.shape) - np.array(centre).reshape(3, 1, 1, 1)
        return np.asarray((away**2).sum(axis=0) <= radius**2)

    def pet(self) -> NDArray[np.float32]:
        """SUV: a faint body with one hot ball in it."""
        x, y, z = np.indices(self.shape)
        values = np.full(self.shape, 0.05, dtype=np.float32)
        values[4:22, 4:18, 2:16] = 0.8
        values[self.ball((12, 10, 9), 2.6)] = 9.0
        values += 0.01 * ((x * 7 + y * 5 + z * 3) % 11)
        return values

    def ct(self) -> NDArray[np.int16]:
        """HU: soft tissue in air."""
        values = np.full(self.shape, -1000, dtype=np.int16)
        values[4:22, 4:18, 2:16] = 40
        return values

    def label(self) -> NDArray[np.uint8]:
        """Two lesions, one of them where the PET is hot."""
        return (self.ball((12, 10, 9), 2.6) | self.ball((7, 14, 5), 1.5)).astype(np.uint8)

    def mask(self) -> NDArray[np.uint8]:
        """A mask with something missed and something too much."""
        return (self.ball((13, 10, 9), 2.6) | self.ball((18, 6, 12), 2.0)).astype(np.uint8)

    def write(self, path: Path, values: NDArray[np.generic]) -> Path:
        """Write with nibabel or SimpleITK, on one and the same grid whatever the format."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".mha":
            image = sitk.GetImageFromArray(np.ascontiguousarray(values.T))
            image.SetSpacing(self.spacing)
            image.SetOrigin((-40.0, -30.0, -50.0))
            sitk.WriteImage(image, str(path), useCompression=True)
        else:
            nib.save(nib.Nifti1Image(values, self.affine), path)
        return path

    def dataset(
        self, folder: Path, *names: str, ending: str = ".nii.gz", with_ct: bool = True
    ) -> Path:
        """Cases in the nnU-Net layout; without names, one."""
        for name in names or (self.name,):
            if with_ct:
                self.write(folder / "imagesTr" / f"{name}_0000{ending}", self.ct())
            self.write(folder / "imagesTr" / f"{name}_0001{ending}", self.pet())
            self.write(folder / "labelsTr" / f"{name}{ending}", self.label())
        return folder

    def challenge(self, folder: Path) -> Path:
        """The input folder of the challenge's container."""
        self.write(folder / "images" / "ct" / "case 1.mha", self.ct())
        self.write(folder / "images" / "pet" / "case 1.mha", self.pet())
        return folder


@dataclass(frozen=True)
class Files:
    """The small study as NIfTI files."""

    pet: Path
    ct: Path
    label: Path
    mask: Path


@pytest.fixture(scope="session")
def small() -> Small:
    """The small study."""
    return Small()


@pytest.fixture
def files(small: Small, tmp_path: Path) -> Files:
    """The small study as files whose names hold dots and spaces."""
    folder = tmp_path / "in"
    return Files(
        small.write(folder / f"{small.name}_0001.nii.gz", small.pet()),
        small.write(folder / f"{small.name}_0000.nii.gz", small.ct()),
        small.write(folder / f"{small.name}.nii.gz", small.label()),
        small.write(folder / "mask of a.b c.nii.gz", small.mask()),
    )


@pytest.fixture
def cli(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Run ``lesionloop ARGUMENTS`` in this process.

    File descriptors are captured, so that what C++ libraries print is seen, and so are Python's
    warnings and log lines, which pytest would keep to itself.
    """
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["lesionloop", *map(str, arguments)])
        monkeypatch.setattr(logging.root, "handlers", [])
        monkeypatch.setattr(warnings, "showwarning", _print_warning)
        code: object = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        captured = capfd.readouterr()
        assert isinstance(code, int)
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def refused(cli: Callable[..., Outcome], tmp_path: Path) -> Callable[..., str]:
    """Run a command that must refuse, and give its message.

    Exit code 2, nothing on stdout, one message that holds the words of ``says``, and not a file or
    folder more or less than before under the test's folder. The message has more than one line,
    for the cause and the way out, unless ``one_line`` says that it needs none.
    """

    def run(*arguments: object, says: tuple[object, ...] = (), one_line: bool = False) -> str:
        before = _tree(tmp_path)
        outcome = cli(*arguments)
        assert outcome.code == 2, outcome.err
        assert outcome.out == ""
        _check_message(outcome.err, says, one_line=one_line)
        assert _tree(tmp_path) == before
        return outcome.err

    return run


def _check_message(text: str, says: tuple[object, ...], *, one_line: bool) -> None:
    """One message of ours: what failed and where, then indented why and the way out."""
    first, *rest = text.rstrip("\n").split("\n")
    assert first.startswith("lesionloop: "), text
    assert rest or one_line, f"neither cause nor way out: {text}"
    assert all(line.startswith("  ") and line.strip() for line in rest), text
    for noise in ("Traceback", "ITK ERROR", "itk::", "sitk::", "WARNING", "warning:", "(0x"):
        assert noise not in text
    for word in says:
        assert str(word) in text, text


def _print_warning(message: object, *_: object, **__: object) -> None:
    sys.stderr.write(f"warning: {message}\n")


def _tree(folder: Path) -> dict[str, int | None]:
    """Every path under a folder, hidden ones too, with the size of files."""
    return {
        str(path.relative_to(folder)): path.stat().st_size if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
