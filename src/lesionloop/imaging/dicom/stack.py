"""From slices to a grid: order along the normal, step, gaps, tilt.

The grid has the mean step over the whole stack. Scanners write steps that differ by rounding or at
bed joins (3.27 and 3.29 mm); that is accepted while every step is within a tenth of the median and
every slice lies within a tenth of a step of its place on the even grid, and the largest such
distance is noted. What is read can therefore be written as DICOM SEG. Nothing is resampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.frame_planes import FRAME_TOLERANCE_VOXELS
from lesionloop.imaging.dicom.header import name_tag, number, numbers, text
from lesionloop.imaging.dicom.series import Series
from lesionloop.imaging.grid import Grid

__all__ = ["Stack", "extent_mm", "stack_slices"]

#: Steps may differ from the median step by this part of it.
_STEP_TOLERANCE = 0.1
#: A step longer than this many median steps is a gap.
_GAP = 1.5
#: Slices closer than this are at the same place, mm.
_SAME_PLACE_MM = 0.01
#: A slice may lie this part of a pixel to the side of the stack's axis.
_SIDEWAYS_PIXELS = 0.25
#: Direction cosines of a series may differ by rounding.
_COSINE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Stack:
    """Order and geometry of a series' slices.

    Args:
        order: indices into the series' files, along increasing position on the normal.
        grid: LPS; x along the image rows, y along the columns, z along the normal.
        notes: what is unusual.
    """

    order: tuple[int, ...]
    grid: Grid
    notes: tuple[str, ...] = ()


def stack_slices(series: Series) -> Stack:
    """Order the slices and find their grid.

    Raises:
        InputError: slices are missing (the gap is named), share a position (dynamic or gated),
            differ in shape, spacing or orientation, or are sheared by a tilted gantry; a header
            lacks its geometry; the file is multi-frame.
    """
    shape, spacing, directions = _common_geometry(series)
    places = np.array([_need(series, i, "ImagePositionPatient", 3) for i in range(len(series))])
    normal = directions[2]
    along = places @ normal
    order = np.argsort(along, kind="stable")
    sorted_along = along[order]
    notes: list[str] = []
    if len(order) == 1:
        step = _thickness(series)
        notes.append(f"{series} has one slice: its thickness, {step:g} mm, is taken as step.")
    else:
        steps = np.diff(sorted_along)
        _refuse_repeated(series, order, sorted_along)
        _refuse_gaps(series, order, sorted_along, places)
        step = float(sorted_along[-1] - sorted_along[0]) / len(steps)
        off = np.abs(sorted_along - sorted_along[0] - step * np.arange(len(order)))
        if off.max() > FRAME_TOLERANCE_VOXELS * step:
            raise _uneven(series, steps)
        if np.ptp(steps) > _SAME_PLACE_MM:
            notes.append(
                f"Slice steps of {series} run from {steps.min():.4g} to {steps.max():.4g} mm:"
                f" the mean, {step:.5g} mm, is used; no slice is off by more than"
                f" {off.max():.2g} mm."
            )
    _refuse_tilt(series, places[order], directions, spacing)
    announced = number(series.first, "NumberOfSlices")
    if announced is not None and len(order) < announced:
        notes.append(
            f"{series} announces {announced:g} slices in NumberOfSlices (0054,0081) and has"
            f" {len(order)}: slices at its ends may be missing."
        )
    origin = places[order[0]]
    grid = Grid(
        shape=(*shape, len(order)),
        spacing=(*spacing, step),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=tuple(directions.T.ravel()),
        frame_uid=series.frame_uid,
    )
    return Stack(tuple(int(i) for i in order), grid, tuple(notes))


def extent_mm(series: Series) -> NDArray[np.float64] | None:
    """Lowest and highest slice positions in LPS mm, (2, 3); None when not every slice has one."""
    places = [numbers(header, "ImagePositionPatient", 3) for header in series.headers]
    if any(place is None for place in places):
        return None
    array = np.array(places, dtype=float)
    return np.stack([array.min(axis=0), array.max(axis=0)])


def _common_geometry(
    series: Series,
) -> tuple[tuple[int, int], tuple[float, float], NDArray[np.float64]]:
    """Shape and spacing (x, y), and the three directions as rows, equal in all slices."""
    frames = number(series.first, "NumberOfFrames")
    if frames is not None and frames > 1:
        raise InputError(
            f"cannot read {series} (file {series.files[0]})",
            cause=f"It is a multi-frame object ({series.kind}, {frames:g} frames).",
            remedy="Export it as single-frame PET or CT images, one file per slice.",
        )
    rows = np.array([_need_one(series, i, "Rows") for i in range(len(series))])
    columns = np.array([_need_one(series, i, "Columns") for i in range(len(series))])
    pixels = np.array([_need(series, i, "PixelSpacing", 2) for i in range(len(series))])
    cosines = np.array([_need(series, i, "ImageOrientationPatient", 6) for i in range(len(series))])
    for name, table, tolerance in (
        ("Rows", rows[:, None], 0.0),
        ("Columns", columns[:, None], 0.0),
        ("PixelSpacing", pixels, 1e-3),
        ("ImageOrientationPatient", cosines, _COSINE_TOLERANCE),
    ):
        wrong = np.flatnonzero(np.abs(table - table[0]).max(axis=1) > tolerance)
        if wrong.size:
            odd = int(wrong[0])
            raise InputError(
                f"the slices of {series} do not fit together",
                cause=f"{name_tag(name)} is {_show(table[0])} in {series.files[0]} and"
                f" {_show(table[odd])} in {series.files[odd]} ({wrong.size} slices differ).",
                remedy="Export the series again; if two series share a UID, separate their files.",
            )
    if pixels[0].min() <= 0 or rows[0] < 1 or columns[0] < 1:
        raise InputError(
            f"cannot read {series} (file {series.files[0]})",
            cause=f"{name_tag('PixelSpacing')} is {_show(pixels[0])}, {name_tag('Rows')}"
            f" {rows[0]:g}, {name_tag('Columns')} {columns[0]:g}; all must be above 0.",
            remedy="Export the series again.",
        )
    spacing = (float(pixels[0, 1]), float(pixels[0, 0]))
    return (int(columns[0]), int(rows[0])), spacing, _directions(series, cosines[0])


def _directions(series: Series, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors of x (along a row), y (down a column) and z (their normal), as rows.

    Source: DICOM PS3.3 C.7.6.2.1.1.
    """
    along_row, down_column = cosines[:3], cosines[3:]
    lengths = np.linalg.norm([along_row, down_column], axis=1)
    skew = abs(float(along_row @ down_column))
    if np.abs(lengths - 1).max() > _COSINE_TOLERANCE or skew > _COSINE_TOLERANCE:
        raise InputError(
            f"cannot read {series} (file {series.files[0]})",
            cause=f"{name_tag('ImageOrientationPatient')} {_show(cosines)} is not two unit"
            " vectors at a right angle.",
            remedy="Export the series again.",
        )
    x = along_row / lengths[0]
    y = down_column - (down_column @ x) * x
    y = y / np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)])


def _thickness(series: Series) -> float:
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        value = number(series.first, keyword)
        if value is not None and value > 0:
            return value
    raise InputError(
        f"cannot read {series} (file {series.files[0]})",
        cause=f"It has one slice and no {name_tag('SliceThickness')}.",
        remedy="Give a series with several slices.",
    )


def _refuse_repeated(series: Series, order: NDArray[np.intp], along: NDArray[np.float64]) -> None:
    same = np.flatnonzero(np.diff(along) < _SAME_PLACE_MM)
    if not same.size:
        return
    first, second = (series.files[order[int(same[0]) + i]] for i in (0, 1))
    times = number(series.first, "NumberOfTimeSlices")
    kind = text(series.first, "SeriesType")
    hint = f" {name_tag('SeriesType')} is {kind}." if kind else ""
    if times is not None and times > 1:
        hint += f" {name_tag('NumberOfTimeSlices')} is {times:g}."
    raise InputError(
        f"{series} has several slices at one position",
        cause=f"{same.size} of {len(order)} slices repeat a position, e.g. {first}"
        f" and {second}: a dynamic or gated series, or two reconstructions in one.{hint}",
        remedy="Choose a static series with --pet-series or --ct-series, or separate the frames.",
    )


def _refuse_gaps(
    series: Series,
    order: NDArray[np.intp],
    along: NDArray[np.float64],
    places: NDArray[np.float64],
) -> None:
    steps = np.diff(along)
    usual = float(np.median(steps))
    gaps = np.flatnonzero(steps > _GAP * usual)
    if not gaps.size:
        if np.abs(steps - usual).max() > _STEP_TOLERANCE * usual:
            raise _uneven(series, steps)
        return
    told = []
    for gap in gaps[:3]:
        before, after = int(order[gap]), int(order[gap + 1])
        lost = max(1, round(float(steps[gap]) / usual) - 1)
        told.append(
            f"{steps[gap]:.2f} mm between {_place(series, before, places)} and"
            f" {_place(series, after, places)}: {lost} missing"
        )
    more = f"; and {gaps.size - 3} more gaps" if gaps.size > 3 else ""
    raise InputError(
        f"slices are missing from {series}",
        cause=f"The step is {usual:.2f} mm, but {'; '.join(told)}{more}.",
        remedy="Copy or export the series again with all its slices.",
    )


def _uneven(series: Series, steps: NDArray[np.float64]) -> InputError:
    return InputError(
        f"the slices of {series} are not evenly spaced",
        cause=f"Steps run from {steps.min():.3f} to {steps.max():.3f} mm (median"
        f" {np.median(steps):.3f} mm).",
        remedy="Export the series again, or resample it to an even step.",
    )


def _refuse_tilt(
    series: Series,
    places: NDArray[np.float64],
    directions: NDArray[np.float64],
    spacing: tuple[float, float],
) -> None:
    """Refuse slices that drift sideways: the grid would be sheared."""
    sideways = (places - places[0]) @ directions[:2].T
    worst = float(np.abs(sideways / np.array(spacing)).max())
    if worst <= _SIDEWAYS_PIXELS:
        return
    along = float((places[-1] - places[0]) @ directions[2])
    drift = float(np.linalg.norm(sideways[-1]))
    angle = float(np.degrees(np.arctan2(drift, along)))
    told = number(series.first, "GantryDetectorTilt")
    header = f" {name_tag('GantryDetectorTilt')} is {told:g}." if told is not None else ""
    raise InputError(
        f"the slices of {series} are sheared",
        cause=f"They drift sideways by up to {np.linalg.norm(sideways, axis=1).max():.2f} mm, an"
        f" angle of {angle:.1f} degrees to their normal, as with a tilted gantry.{header}",
        remedy="Resample the series to upright slices first.",
    )


def _need(series: Series, index: int, keyword: str, count: int) -> Sequence[float]:
    found = numbers(series.headers[index], keyword, count)
    if found is None:
        raise InputError(
            f"cannot place a slice of {series} (file {series.files[index]})",
            cause=f"{name_tag(keyword)} is missing or is not {count} numbers; the file may be"
            " cut off.",
            remedy="Export or copy the series again.",
        )
    return found


def _need_one(series: Series, index: int, keyword: str) -> float:
    return _need(series, index, keyword, 1)[0]


def _place(series: Series, index: int, places: NDArray[np.float64]) -> str:
    instance = number(series.headers[index], "InstanceNumber")
    named = "" if instance is None else f"instance {instance:g}, "
    return f"{_show(places[index])} ({named}{series.files[index].name})"


def _show(values: NDArray[np.float64]) -> str:
    return "\\".join(f"{v:.6g}" for v in np.ravel(values))
