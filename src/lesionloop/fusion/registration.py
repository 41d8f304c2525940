"""One phase of a CT aligned to another: rigid, then with B-splines, by elastix.

elastix (Klein et al., IEEE Trans Med Imaging 2010; 29: 196-205) through the package itk-elastix, of
the extra ``register``. The TriALS paper names elastix and the two stages but not the parameters:
those here are elastix's own defaults for mutual information (contrast differs between phases) but
for what is said at each.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy.ndimage import distance_transform_edt

from lesionloop.errors import InputError, LesionLoopError
from lesionloop.fusion.alignment import Alignment
from lesionloop.fusion.liver_region import crop, liver_box
from lesionloop.imaging import Grid, Volume
from lesionloop.imaging.resample import resample_ct, resample_label

__all__ = ["Registered", "RegistrationOptions", "align", "require_elastix"]

#: elastix draws its samples with this; the same scans give the same alignment.
_SEED: Final = 2026
#: What is this close to the liver takes part, mm: its rim is the strongest edge there is, and with
#: less around it the rigid stage turned the liver on phantoms.
_AROUND_MM: Final = 20.0
#: Weight of the bending energy beside mutual information. With elastix's own 1.0 the arterial phase
#: of a phantom came out worse than after the rigid stage.
_STIFFNESS: Final = "30.0"
#: Cut away around the liver's box, so that the optimiser can shift what it sees, mm.
_MARGIN_MM: Final = 25.0


@dataclass(frozen=True)
class RegistrationOptions:
    """How much work is done.

    Args:
        working_mm: both scans are brought to cubes of this size, mm.
        control_mm: distance of the B-splines' control points at the finest level, mm.
        samples: voxels looked at in each step.
        iterations: steps at each of the levels.

    Raises:
        InputError: one of them is not above 0.
    """

    working_mm: float = 2.0
    control_mm: float = 30.0
    samples: int = 2500
    iterations: int = 150

    def __post_init__(self) -> None:
        for name in ("working_mm", "control_mm", "samples", "iterations"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be above 0, not {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Registered:
    """What came of aligning one scan to another.

    Args:
        rigid: after the first stage.
        full: after the second.
    """

    rigid: Alignment
    full: Alignment


def align(
    fixed: Volume,
    fixed_label: Volume,
    moving: Volume,
    moving_label: Volume,
    options: RegistrationOptions | None = None,
) -> Registered:
    """Align a CT to another of the same patient, around the liver.

    It begins with the centres of the two livers' boxes on each other: a patient breathes between
    phases.

    Args:
        fixed, moving: CT in HU, [x, y, z].
        fixed_label, moving_label: liver and lesions above 0, on any grid of their scans.
        options: how much work is done; None: the defaults.

    Raises:
        InputError: a label holds no liver, or the extra ``register`` is not installed.
        LesionLoopError: elastix gives up, as when the scans do not overlap.
    """
    options = options or RegistrationOptions()
    itk = _itk()
    target = _part(fixed, fixed_label, options.working_mm)
    source = _part(moving, moving_label, options.working_mm)
    near = _near_liver(resample_label(fixed_label, target.grid))
    maps = [_rigid(options), _flexible(options)]
    image, mask = _image(itk, target), _image(itk, near)
    parameters = itk.ParameterObject.New()
    for entry in maps:
        parameters.AddParameterMap(entry)
    try:
        _, found = itk.elastix_registration_method(
            image, _image(itk, source), parameter_object=parameters, fixed_mask=mask,
            log_to_console=False,
        )  # fmt: skip
        return Registered(
            rigid=_field(itk, target.grid, source, found, stages=1),
            full=_field(itk, target.grid, source, found, stages=2),
        )
    except RuntimeError as error:
        raise LesionLoopError(
            f"{moving.source} cannot be aligned to {fixed.source}",
            cause=f"elastix: {str(error).strip().splitlines()[-1]}",
            remedy="Look whether both are of the same patient and hold the whole liver.",
        ) from error


def require_elastix() -> None:
    """Refuse to begin where elastix is missing.

    Raises:
        InputError: the extra ``register`` is not installed.
    """
    _itk()


def _itk() -> Any:
    try:
        import itk  # noqa: PLC0415  (an extra, and heavy)
    except ImportError as error:
        raise InputError(
            "label fusion needs elastix",
            cause=f"The package {error.name} is missing.",
            remedy="Install it: pip install 'lesionloop[register]'.",
        ) from error
    if not hasattr(itk, "ParameterObject"):
        raise InputError(
            "label fusion needs elastix",
            cause="ITK is there, but not the package itk-elastix.",
            remedy="Install it: pip install 'lesionloop[register]'.",
        )
    return itk


def _part(scan: Volume, label: Volume, working_mm: float) -> Volume:
    """A scan around its liver in cubes of one size, float32."""
    box = liver_box(label, margin=0.0, least_mm=_MARGIN_MM)
    around = crop(label, box).grid
    shape = np.maximum(np.ceil(np.array(around.shape) * around.spacing / working_mm), 1)
    half = (np.array(around.shape) - 1) / 2
    # Concentric: the first voxel's centre lies this far before the middle.
    start = around.to_world(half - (shape - 1) / 2 * working_mm / np.array(around.spacing))
    x, y, z = (int(n) for n in shape)
    grid = Grid((x, y, z), (working_mm,) * 3, tuple(start), around.direction, around.frame_uid)
    part = resample_ct(scan, grid)
    return replace(part, values=part.values.astype(np.float32))


def _near_liver(label: Volume) -> Volume:
    away = distance_transform_edt(label.values == 0, sampling=label.grid.spacing)
    values = np.asarray(away <= _AROUND_MM).astype(np.uint8)
    return Volume(values, label.grid, label.quantity, label.source)


def _image(itk: Any, volume: Volume) -> Any:
    """An ITK image: its arrays go z, y, x."""
    image = itk.image_from_array(np.ascontiguousarray(volume.values.transpose(2, 1, 0)))
    image.SetSpacing(list(volume.grid.spacing))
    image.SetOrigin(list(volume.grid.origin))
    direction = np.array(volume.grid.direction).reshape(3, 3)
    image.SetDirection(itk.matrix_from_array(np.ascontiguousarray(direction)))
    return image


def _common(options: RegistrationOptions) -> dict[str, list[str]]:
    return {
        "FixedImagePyramid": ["FixedSmoothingImagePyramid"],
        "MovingImagePyramid": ["MovingSmoothingImagePyramid"],
        "Interpolator": ["LinearInterpolator"],
        "ResampleInterpolator": ["FinalBSplineInterpolator"],
        "Resampler": ["DefaultResampler"],
        "Optimizer": ["AdaptiveStochasticGradientDescent"],
        "MaximumNumberOfIterations": [str(options.iterations)],
        "ImageSampler": ["RandomCoordinate"],
        "NumberOfSpatialSamples": [str(options.samples)],
        "NewSamplesEveryIteration": ["true"],
        "MaximumNumberOfSamplingAttempts": ["8"],
        "RandomSeed": [str(_SEED)],
        "AutomaticParameterEstimation": ["true"],
        "HowToCombineTransforms": ["Compose"],
        "WriteResultImage": ["false"],
        "ErodeFixedMask": ["false"],
    }


def _rigid(options: RegistrationOptions) -> Mapping[str, list[str]]:
    return _common(options) | {
        "Registration": ["MultiResolutionRegistration"],
        "Metric": ["AdvancedMattesMutualInformation"],
        "NumberOfHistogramBins": ["32"],
        "NumberOfResolutions": ["3"],
        "Transform": ["EulerTransform"],
        "AutomaticTransformInitialization": ["true"],
        "AutomaticTransformInitializationMethod": ["GeometricalCenter"],
        "AutomaticScalesEstimation": ["true"],
    }


def _flexible(options: RegistrationOptions) -> Mapping[str, list[str]]:
    """B-splines that do not like to bend: contrast that differs must not pass for movement."""
    return _common(options) | {
        "Registration": ["MultiMetricMultiResolutionRegistration"],
        "Metric": ["AdvancedMattesMutualInformation", "TransformBendingEnergyPenalty"],
        "Metric0Weight": ["1.0"],
        "Metric1Weight": [_STIFFNESS],
        "NumberOfHistogramBins": ["32"],
        "NumberOfResolutions": ["3"],
        "GridSpacingSchedule": ["4", "2", "1"],
        "FinalGridSpacingInPhysicalUnits": [str(options.control_mm)],
        "Transform": ["BSplineTransform"],
    }


def _field(itk: Any, grid: Grid, source: Volume, found: Any, stages: int) -> Alignment:
    """The displacements of the first stages on the fixed grid, LPS mm."""
    chosen = itk.ParameterObject.New()
    for number in range(stages):
        chosen.AddParameterMap(found.GetParameterMap(number))
    with tempfile.TemporaryDirectory(prefix="lesionloop-") as folder:  # it writes the field as well
        field = itk.transformix_deformation_field(
            _image(itk, source), chosen, output_directory=folder, log_to_console=False
        )
    values = np.asarray(itk.array_view_from_image(field)).transpose(2, 1, 0, 3)
    return Alignment(grid, np.ascontiguousarray(values, dtype=np.float32))
