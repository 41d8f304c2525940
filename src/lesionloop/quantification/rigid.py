"""A study brought onto another of the same patient by turning and shifting it as a whole.

Registration is SimpleITK's (Lowekamp et al., Front Neuroinform 2013; 7: 45), of the extra
``register``: mutual information (Mattes et al., IEEE Trans Med Imaging 2003; 22: 120-128) at three
resolutions. A body bends between two examinations; a rigid alignment is good to some millimetres in
the trunk and less in arms, neck and legs.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError, LesionLoopError
from lesionloop.imaging import Grid, Study, Volume
from lesionloop.imaging.resample import resample_ct, resample_label
from lesionloop.imaging.volume import Quantity

__all__ = ["Rigid", "align_rigid", "require_simpleitk"]

_WORKING_MM: Final = 4.0  # about a PET voxel; finer costs time and adds nothing for lesions
_SEED: Final = 2026
_SAMPLED: Final = (0.2, 0.05, 0.01)  # part of the voxels looked at, from coarse to fine
#: What is clipped before the comparison: bone and metal, or hot bladder, rule the sum otherwise.
_CT_RANGE: Final = (-400.0, 400.0)
_PET_RANGE: Final = (0.0, 5.0)


@dataclass(frozen=True, eq=False)
class Rigid:
    """Where points of one study lie in another.

    Args:
        matrix: (4, 4), LPS mm of the fixed study to LPS mm of the moving one.
        by: "ct" or "pet", what was compared.
    """

    matrix: NDArray[np.float64]
    by: str = "none"

    def points(self, fixed_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points, (..., 3), of the fixed study as points of the moving one, LPS mm."""
        return np.asarray(fixed_mm @ self.matrix[:3, :3].T + self.matrix[:3, 3])

    def label_on(self, label: Volume, grid: Grid) -> Volume:
        """A label map of the moving study on a grid of the fixed one, by the nearest voxel."""
        placed = np.linalg.inv(self.matrix) @ label.grid.affine
        moved = replace(label, grid=Grid.from_affine(label.grid.shape, placed))
        return resample_label(moved, grid)


def align_rigid(fixed: Study, moving: Study) -> Rigid:
    """Align a study to another: by the CT when both have one, else by the PET.

    It begins with the centres of mass on each other.

    Args:
        fixed, moving: of the same patient.

    Raises:
        InputError: SimpleITK is not installed.
        LesionLoopError: the two do not come together.
    """
    sitk = require_simpleitk()
    by = "ct" if fixed.ct is not None and moving.ct is not None else "pet"
    images = [_image(sitk, _working(study, by)) for study in (fixed, moving)]
    start = sitk.CenteredTransformInitializer(
        *images, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel(_SAMPLED, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=100, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([8.0, 4.0, 2.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=False)
    method.SetNumberOfThreads(1)  # sums in one order: the same studies give the same path
    try:
        found = method.Execute(*images)
    except RuntimeError as error:
        raise LesionLoopError(
            f"{moving.name} cannot be aligned to {fixed.name}",
            cause=f"SimpleITK: {str(error).strip().splitlines()[-1]}",
            remedy="Look whether both are of the same patient and show the same part of the body.",
        ) from error
    origin = np.array(found.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    matrix[:3, 3] = origin
    for axis, unit in enumerate(np.eye(3)):
        matrix[:3, axis] = np.array(found.TransformPoint(tuple(unit))) - origin
    return Rigid(matrix, by)


def require_simpleitk() -> Any:
    """The module SimpleITK.

    Raises:
        InputError: the extra ``register`` is not installed.
    """
    try:
        import SimpleITK  # noqa: PLC0415  (an extra, and heavy)
    except ImportError as error:
        raise InputError(
            "a comparison of two studies needs SimpleITK",
            cause=f"The package {error.name} is missing.",
            remedy="Install it: pip install 'lesionloop[register]'.",
        ) from error
    return SimpleITK


def _working(study: Study, by: str) -> Volume:
    """CT or PET in cubes of one size, clipped, float32."""
    grid = study.grid
    sides = np.array(grid.shape) * grid.spacing
    x, y, z = (int(n) for n in np.maximum(np.round(sides / _WORKING_MM), 1))
    middle = (np.array(grid.shape) - 1) / 2
    start = grid.to_world(middle - (np.array([x, y, z]) - 1) / 2 * _WORKING_MM / grid.spacing)
    cubes = Grid((x, y, z), (_WORKING_MM,) * 3, tuple(start), grid.direction)
    if by == "ct" and study.ct is not None:
        values = resample_ct(study.ct, cubes).values
        low, high = _CT_RANGE
    else:
        # Linear, and what is outside the scan comes as less than nothing, to be clipped.
        values = resample_ct(replace(study.pet, quantity=Quantity.HU), cubes).values
        low, high = _PET_RANGE
    return Volume(
        np.clip(values, low, high).astype(np.float32) - np.float32(low), cubes, study.pet.quantity
    )


def _image(sitk: Any, volume: Volume) -> Any:
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.values.T))
    image.SetSpacing(volume.grid.spacing)
    image.SetOrigin(volume.grid.origin)
    image.SetDirection(volume.grid.direction)
    return image
