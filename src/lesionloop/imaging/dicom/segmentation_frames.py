"""Frames of a DICOM SEG: where each lies and which segments its pixels belong to."""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.frame_planes import (
    COSINE_TOLERANCE,
    SPACING_TOLERANCE_MM,
    FramePlanes,
)
from lesionloop.imaging.dicom.header import number, text
from lesionloop.imaging.grid import Grid

__all__ = ["SegFrames"]


class SegFrames:
    """Frames of the chosen segments, decoded one at a time: a SEG of a hundred organs unpacks to
    gigabytes. ``planes`` are those of all frames, chosen or not."""

    def __init__(self, dataset: Dataset, chosen: Collection[int]) -> None:
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or ())
        count = int(dataset.NumberOfFrames)
        if len(groups) != count or count < 1:
            raise InputError(
                "the frames are not described",
                cause=f"NumberOfFrames is {count}, descriptions of frames: {len(groups)}.",
            )
        wanted = set(chosen)
        self._dataset = dataset
        self._kind = str(dataset.get("SegmentationType", "BINARY"))
        self.dtype = np.uint8 if max(chosen, default=0) <= 255 else np.uint16
        self.planes = _planes(dataset, groups, shared)
        self._measures = _functional("PixelMeasuresSequence", groups[0], shared)
        if self._kind == "LABELMAP":
            self._chosen = np.array(sorted(chosen))
            self._numbers = dict.fromkeys(range(count), 0)
        else:
            numbers = (
                int(_functional("SegmentIdentificationSequence", g, shared).ReferencedSegmentNumber)
                for g in groups
            )
            self._numbers = {i: number for i, number in enumerate(numbers) if number in wanted}

    @property
    def fractional(self) -> bool:
        return self._kind == "FRACTIONAL"

    def own_grid(self) -> Grid:
        """The grid of all frames."""
        step = number(self._measures, "SpacingBetweenSlices")
        return self.planes.own_grid(
            step_mm=None if step is None else abs(step),  # its sign tells the order of frames
            thickness_mm=number(self._measures, "SliceThickness"),
        )

    def __iter__(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Index of a frame, and its pixels [row, column]: segment numbers, 0 elsewhere."""
        if not self._numbers:
            return
        indices = list(self._numbers)
        if self._dataset.BitsAllocated == 1 and not _compressed(self._dataset):
            pixels = _packed_frames(self._dataset, indices)
        else:
            pixels = iter_pixels(self._dataset, indices=indices, raw=True)
        for index, plane in zip(indices, pixels, strict=True):
            yield index, self._labels(plane, self._numbers[index])

    def _labels(self, plane: NDArray[Any], number: int) -> NDArray[Any]:
        if self._kind == "LABELMAP":
            return np.where(np.isin(plane, self._chosen), plane, 0).astype(self.dtype)
        inside = plane > 0
        if self.fractional:
            inside &= plane >= int(self._dataset.MaximumFractionalValue) / 2
        return inside * self.dtype(number)


def _compressed(dataset: Dataset) -> bool:
    return bool(dataset.file_meta.TransferSyntaxUID.is_encapsulated)


def _packed_frames(dataset: Dataset, indices: list[int]) -> Iterator[NDArray[np.uint8]]:
    """Frames of one bit a pixel: low bit first, no padding between frames (PS3.5 8.1.1).

    pydicom's own iterator refuses frames that do not begin on a whole byte.
    """
    shape = int(dataset.Rows), int(dataset.Columns)
    length = shape[0] * shape[1]
    packed = np.frombuffer(dataset.PixelData, dtype=np.uint8)
    needed = -(-length * int(dataset.NumberOfFrames) // 8)
    if len(packed) < needed:
        raise InputError("the pixels are cut short", cause=f"{len(packed)} of {needed} bytes.")
    for index in indices:
        byte, bit = divmod(index * length, 8)
        bits = np.unpackbits(packed[byte : byte - (-(bit + length) // 8)], bitorder="little")
        yield bits[bit : bit + length].reshape(shape)


def _planes(dataset: Dataset, groups: list[Dataset], shared: Dataset) -> FramePlanes:
    """Planes of all frames.

    Raises:
        InputError: a frame has no place in the patient, or they differ in orientation or spacing.
    """
    positions, orientations, spacings = [], [], []
    for group in groups:
        place = _functional("PlanePositionSequence", group, shared)
        positions.append(np.array(place.ImagePositionPatient, dtype=float))
        turn = _functional("PlaneOrientationSequence", group, shared)
        orientations.append(np.array(turn.ImageOrientationPatient, dtype=float))
        measures = _functional("PixelMeasuresSequence", group, shared)
        spacings.append(np.array(measures.PixelSpacing, dtype=float))
    turned = np.ptp(orientations, axis=0).max() > COSINE_TOLERANCE
    if turned or np.ptp(spacings, axis=0).max() > SPACING_TOLERANCE_MM:
        raise InputError("the frames differ in orientation or pixel spacing")
    return FramePlanes(
        positions=np.array(positions),
        orientation=orientations[0].reshape(2, 3),
        spacing=(float(spacings[0][1]), float(spacings[0][0])),
        size=(int(dataset.Columns), int(dataset.Rows)),
        frame_uid=text(dataset, "FrameOfReferenceUID"),
    )


def _functional(keyword: str, frame: Dataset, shared: Dataset) -> Dataset:
    """A functional group of one frame: its own, or the one that all frames share."""
    sequence = frame.get(keyword) or shared.get(keyword)
    if not sequence:
        raise InputError(
            f"a frame has no {keyword}",
            remedy="Only segmentations of slices in a patient can be used.",
        )
    item: Dataset = sequence[0]
    return item
