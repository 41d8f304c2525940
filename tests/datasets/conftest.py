"""Small data sets in the layouts of the public ones, made anew with SimpleITK."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray


def _turn(degrees: float) -> tuple[float, ...]:
    """A direction turned about the x axis, with y flipped and z running down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (1, 0, 0, 0, -c, -s, 0, -s, c)


class Maker:
    """Images of unequal sides and spacings, oblique and flipped; the CT is on a grid of its own."""

    shape = (9, 8, 7)
    spacing = (4.0, 5.0, 6.5)
    origin = (-20.0, 30.0, -40.0)
    direction = _turn(7)
    ct_shape = (31, 24, 20)
    ct_spacing = (1.5, 2.0, 2.7)
    ct_origin = (-24.0, 34.0, -44.0)
    ct_direction = _turn(7)

    def pet(self, seed: int = 0) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        values = rng.uniform(0.1, 1.5, self.shape).astype(np.float32)
        values[3:5, 2:4, 2:5] = rng.uniform(6, 9, (2, 2, 3))
        return values

    def label(self) -> NDArray[np.uint8]:
        values = np.zeros(self.shape, np.uint8)
        values[3:5, 2:4, 2:5] = 1
        return values

    def ct(self, seed: int = 0) -> NDArray[np.int16]:
        rng = np.random.default_rng(seed)
        return rng.integers(-1000, 1200, self.ct_shape).astype(np.int16)

    def write(self, path: Path, values: NDArray[Any], *, ct: bool = False) -> Path:
        """Write values [x, y, z] on the PET grid, or on the CT's own."""
        image = sitk.GetImageFromArray(np.ascontiguousarray(values.T))
        image.SetSpacing(self.ct_spacing if ct else self.spacing)
        image.SetOrigin(self.ct_origin if ct else self.origin)
        image.SetDirection(self.ct_direction if ct else self.direction)
        path.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(path), useCompression=True)
        return path

    def deep_psma(self, root: Path, *patients: str) -> Path:
        """Patients with two studies each."""
        for number, patient in enumerate(patients):
            for offset, (tracer, threshold) in enumerate((("FDG", 3.7), ("PSMA", 3))):
                folder, seed = root / patient / tracer, 2 * number + offset
                self.write(folder / "PET.nii.gz", self.pet(seed))
                self.write(folder / "CT.nii.gz", self.ct(seed), ct=True)
                self.write(folder / "TTB.nii.gz", self.label())
                self.write(folder / "totseg_24.nii.gz", self.ct(seed).clip(0), ct=True)
                (folder / "threshold.json").write_text(json.dumps({"suv_threshold": threshold}))
                (folder / "rigid.tfm").write_text("#Insight Transform File V1.0\n")
        return root

    def fdg_lesions(self, root: Path, *studies: str) -> Path:
        """Studies ``PETCT_<patient>/<study>``; the PET in Bq/mL is a trap."""
        for seed, study in enumerate(studies):
            folder = root / study
            self.write(folder / "SUV.nii.gz", self.pet(seed))
            self.write(folder / "PET.nii.gz", self.pet(seed) * 5000)
            self.write(folder / "CT.nii.gz", self.ct(seed), ct=True)
            self.write(folder / "CTres.nii.gz", self.ct_on_pet(self.ct(seed)))
            self.write(folder / "SEG.nii.gz", self.label())
        return root

    def nnunet(self, root: Path, *names: str) -> Path:
        """Cases on one grid."""
        for seed, name in enumerate(names):
            self.write(root / "imagesTr" / f"{name}_0000.nii.gz", self.ct_on_pet(self.ct(seed)))
            self.write(root / "imagesTr" / f"{name}_0001.nii.gz", self.pet(seed))
            self.write(root / "labelsTr" / f"{name}.nii.gz", self.label())
        return root

    def ct_on_pet(self, values: NDArray[Any]) -> NDArray[np.int16]:
        """What ITK makes of a CT on the PET grid, rounded (ITK itself cuts decimals off)."""
        moving = sitk.GetImageFromArray(np.ascontiguousarray(values.T, dtype=np.float64))
        moving.SetSpacing(self.ct_spacing)
        moving.SetOrigin(self.ct_origin)
        moving.SetDirection(self.ct_direction)
        fixed = sitk.Image(self.shape, sitk.sitkUInt8)
        fixed.SetSpacing(self.spacing)
        fixed.SetOrigin(self.origin)
        fixed.SetDirection(self.direction)
        result = sitk.Resample(moving, fixed, sitk.Transform(), sitk.sitkLinear, -1024)
        array: NDArray[np.int16] = np.rint(sitk.GetArrayFromImage(result).T).astype(np.int16)
        return array


@pytest.fixture
def make() -> Maker:
    return Maker()


def cut(path: Path, part: float = 0.6) -> None:
    """Leave the first part of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])


@pytest.fixture(name="cut")
def _cut() -> Any:
    return cut
