"""From slices to a grid: order along the normal, step, gaps, tilt.

The grid has the mean step over the whole stack. Scanners write steps that differ by rounding or at
bed joins (3.27 and 3.29 mm); that is accepted while every pixel lies within a tenth of a voxel of
its place on the even grid, and the largest such distance along the normal is noted. A DICOM SEG is
held to the same tolerance, so what is read can be written as one. Nothing is resampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.frame_planes import (
    COSINE_TOLERANCE,
    SAME_POSITION_MM,
    SPACING_TOLERANCE_MM,
    FramePlanes,
    whole_steps,
)
from lesionloop.imaging.dicom.header import name_tag, number, numbers, text
from lesionloop.imaging.dicom.series import Series
from lesionloop.imaging.grid import Grid

__all__ = ["Stack", "extent_mm", "slice_planes", "stack_slices"]


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
        InputError: see :func:`slice_planes`; slices are missing (the gap is named), share a
            position (dynamic or gated), or are sheared by a tilted gantry.
    """
    planes = slice_planes(series)
    heights = planes.heights()
    order = np.argsort(heights, kind="stable")
    along = heights[order]
    notes: list[str] = []
    if len(order) == 1:
        step = _thickness(series)
        notes.append(f"{series} has one slice: its thickness, {step:g} mm, is taken as step.")
    else:
        _refuse_repeated(series, order, along)
        _refuse_uneven(series, order, along, planes.positions)
        step = float(along[-1] - along[0]) / (len(order) - 1)
        steps = np.diff(along)
        if np.ptp(steps) > SAME_POSITION_MM:
            off = np.abs(along - along[0] - step * np.arange(len(order))).max()
            notes.append(
                f"Slice steps of {series} run from {steps.min():.4g} to {steps.max():.4g} mm:"
                f" the mean, {step:.5g} mm, is used; no slice is off by more than {off:.2g} mm."
            )
    grid = planes.even_grid(step_mm=step, count=len(order))
    _refuse_sheared(series, planes, order, grid)
    announced = number(series.first, "NumberOfSlices")
    if announced is not None and len(order) < announced:
        notes.append(
            f"{series} announces {announced:g} slices in NumberOfSlices (0054,0081) and has"
            f" {len(order)}: slices at its ends may be missing."
        )
    return Stack(tuple(int(i) for i in order), grid, tuple(notes))


def slice_planes(series: Series) -> FramePlanes:
    """Where the slice of each file lies, in the order of the files.

    Raises:
        InputError: the slices differ in series, frame of reference, shape, spacing or orientation;
            a header lacks its geometry, or says what cannot be; a file is multi-frame.
    """
    for header, file in zip(series.headers, series.files, strict=True):
        frames = number(header, "NumberOfFrames")
        if frames is not None and frames > 1:
            raise InputError(
                f"cannot read {series} (file {file})",
                cause=f"It is a multi-frame object ({series.kind}, {frames:g} frames).",
                remedy="Export it as single-frame PET or CT images, one file per slice.",
            )
    for keyword in ("SeriesInstanceUID", "FrameOfReferenceUID"):
        told = [text(header, keyword) for header in series.headers]
        known = next((uid for uid in told if uid), None)
        uids = [uid or known for uid in told]
        _refuse_odd(series, keyword, uids, np.array([uid != known for uid in uids]))
    rows = _equal_numbers(series, "Rows", 1)
    columns = _equal_numbers(series, "Columns", 1)
    spacing = _equal_numbers(series, "PixelSpacing", 2, SPACING_TOLERANCE_MM)
    cosines = _equal_numbers(series, "ImageOrientationPatient", 6, COSINE_TOLERANCE)
    positions = _table(series, "ImagePositionPatient", 3)
    try:
        return FramePlanes(
            positions=positions,
            orientation=cosines.reshape(2, 3),
            spacing=(float(spacing[1]), float(spacing[0])),
            size=(int(columns[0]), int(rows[0])),
            frame_uid=series.frame_uid,
        )
    except InputError as error:
        raise InputError(
            f"cannot read {series} (file {series.files[0]})",
            cause=f"{error.what}.",
            remedy="Export the series again.",
        ) from error


def extent_mm(series: Series) -> NDArray[np.float64] | None:
    """Lowest and highest slice positions in LPS mm, (2, 3); None when not every slice has one."""
    places = [numbers(header, "ImagePositionPatient", 3) for header in series.headers]
    if any(place is None for place in places):
        return None
    array = np.array(places, dtype=float)
    return np.stack([array.min(axis=0), array.max(axis=0)])


def _table(series: Series, keyword: str, count: int) -> NDArray[np.float64]:
    """The ``count`` numbers of an attribute in each slice, (slices, count)."""
    table = [numbers(header, keyword, count) for header in series.headers]
    if None in table:
        raise InputError(
            f"cannot place a slice of {series} (file {series.files[table.index(None)]})",
            cause=f"{name_tag(keyword)} is missing or is not {count} numbers; the file may be"
            " cut off.",
            remedy="Export or copy the series again.",
        )
    return np.array(table, dtype=float)


def _equal_numbers(
    series: Series, keyword: str, count: int, tolerance: float = 0.0
) -> NDArray[np.float64]:
    """The first slice's numbers, (count,), from which no slice's differ by more than rounding."""
    table = _table(series, keyword, count)
    wrong = np.abs(table - table[0]).max(axis=1) > tolerance
    _refuse_odd(series, keyword, [_show(row) for row in table], wrong)
    return np.asarray(table[0])


def _refuse_odd(
    series: Series, keyword: str, shown: Sequence[str | None], wrong: NDArray[np.bool_]
) -> None:
    if not wrong.any():
        return
    odd, usual = int(wrong.argmax()), int(wrong.argmin())
    raise InputError(
        f"the slices of {series} do not fit together",
        cause=f"{name_tag(keyword)} is {shown[usual]} in {series.files[usual]} and {shown[odd]} in"
        f" {series.files[odd]} ({wrong.sum()} slices differ).",
        remedy="Export the series again; if files of two series are mixed, separate them.",
    )


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
    same = np.flatnonzero(np.diff(along) < SAME_POSITION_MM)
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


def _refuse_uneven(
    series: Series,
    order: NDArray[np.intp],
    along: NDArray[np.float64],
    places: NDArray[np.float64],
) -> None:
    """Refuse slices that leave gaps, or that are not even within the tolerance."""
    steps = np.diff(along)
    usual = float(np.median(steps))
    missing = np.rint(steps / usual).astype(int) - 1
    gaps = np.flatnonzero(missing > 0)
    if gaps.size:
        told = [
            f"{steps[gap]:.2f} mm between {_place(series, int(order[gap]), places)} and"
            f" {_place(series, int(order[gap + 1]), places)}: {missing[gap]} missing"
            for gap in gaps[:3]
        ]
        more = f"; and {gaps.size - 3} more gaps" if gaps.size > 3 else ""
        raise InputError(
            f"slices are missing from {series}",
            cause=f"The step is {usual:.2f} mm, but {'; '.join(told)}{more}.",
            remedy="Copy or export the series again with all its slices.",
        )
    if whole_steps(along, usual) is None:
        raise InputError(
            f"the slices of {series} are not evenly spaced",
            cause=f"Steps run from {steps.min():.3f} to {steps.max():.3f} mm (median"
            f" {usual:.3f} mm).",
            remedy="Export the series again, or resample it to an even step.",
        )


def _refuse_sheared(
    series: Series, planes: FramePlanes, order: NDArray[np.intp], grid: Grid
) -> None:
    """Refuse slices that drift sideways off the grid."""
    fit = planes.fit(grid)
    if fit is not None and fit.matches:
        return
    way = planes.positions[order] - planes.positions[order[0]]
    sideways = np.linalg.norm(way @ planes.orientation.T, axis=1)
    angle = float(np.degrees(np.arctan2(sideways[-1], way[-1] @ planes.normal)))
    told = number(series.first, "GantryDetectorTilt")
    header = f" {name_tag('GantryDetectorTilt')} is {told:g}." if told is not None else ""
    raise InputError(
        f"the slices of {series} are sheared",
        cause=f"They drift sideways by up to {sideways.max():.2f} mm, an angle of {angle:.1f}"
        f" degrees to their normal, as with a tilted gantry.{header}",
        remedy="Resample the series to upright slices first.",
    )


def _place(series: Series, index: int, places: NDArray[np.float64]) -> str:
    instance = number(series.headers[index], "InstanceNumber")
    named = "" if instance is None else f"instance {instance:g}, "
    return f"{_show(places[index])} ({named}{series.files[index].name})"


def _show(values: NDArray[np.float64]) -> str:
    return "\\".join(f"{v:.6g}" for v in np.ravel(values))
