"""DICOM SEG out and in, against readers that know nothing of ours.

The main oracle unpacks the bits with numpy and puts every pixel into the patient by the formula of
DICOM PS3.3 C.7.6.2.1.1; a mask and its SEG must hold the same points in space.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import (
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    generate_uid,
)

from lesionloop.errors import InputError, OutputError
from lesionloop.imaging.dicom.segmentation import (
    AlgorithmFamily,
    SegmentInfo,
    list_segments,
    read_dicom_seg,
    write_dicom_seg,
)
from lesionloop.imaging.dicom.series import scan_folder
from lesionloop.imaging.dicom.stack import stack_slices
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.volume import Quantity

SHAPE = (11, 9, 7)  # 99 pixels a frame: frames do not end on whole bytes
SPACING = (2.5, 3.5, 4.25)
ORIGIN = np.array([-12.5, 31.0, -204.25])


def _rotation(*, seed: int) -> NDArray[np.float64]:
    """A proper rotation that is far from every axis."""
    matrix = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return np.asarray(matrix * np.sign(np.linalg.det(matrix)))


def _header(series: str, frame: str, study: str) -> Dataset:
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID = PositronEmissionTomographyImageStorage
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.Modality = "PT"
    header.PatientID = "case 7"
    header.PatientName = "Doe^Jane"
    header.PatientBirthDate = ""
    header.PatientSex = "F"
    header.StudyInstanceUID = study
    header.StudyDate = "20240131"
    header.StudyTime = "101500"
    header.StudyID = "1"
    header.AccessionNumber = "A1"
    header.ReferringPhysicianName = ""
    header.SeriesInstanceUID = series
    header.SeriesNumber = 4
    header.SeriesDescription = "WB PET AC"
    header.FrameOfReferenceUID = frame
    header.PositionReferenceIndicator = ""
    header.Manufacturer = "nobody"
    return header


class PetSeries:
    """A small PET series on disk, and the grid that its slices make."""

    def __init__(
        self,
        folder: Path,
        *,
        shape: tuple[int, int, int] = SHAPE,
        spacing: tuple[float, float, float] = SPACING,
        direction: NDArray[np.float64] | None = None,
        offsets: NDArray[np.float64] | None = None,
        frame_uid: str | None = None,
        change: Callable[[Dataset, int], None] | None = None,
        seed: int = 3,
    ) -> None:
        """``direction`` has columns x, y, z; ``offsets`` (mm) move slices along the third."""
        direction = np.eye(3) if direction is None else direction
        frame_uid = frame_uid or generate_uid()
        self.grid = Grid(
            shape=shape,
            spacing=spacing,
            origin=(float(ORIGIN[0]), float(ORIGIN[1]), float(ORIGIN[2])),
            direction=tuple(direction.ravel()),
            frame_uid=frame_uid,
        )
        folder.mkdir(parents=True, exist_ok=True)
        series, study = generate_uid(), generate_uid()
        order = np.random.default_rng(seed).permutation(shape[2])  # file names say nothing
        self.files: list[Path] = []
        for name, k in enumerate(order):
            header = _header(series, frame_uid, study)
            header.SOPInstanceUID = generate_uid()
            header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
            along = k * spacing[2] + (0.0 if offsets is None else float(offsets[k]))
            header.ImagePositionPatient = [f"{v:.9f}" for v in ORIGIN + along * direction[:, 2]]
            header.ImageOrientationPatient = [f"{v:.9f}" for v in direction[:, :2].T.ravel()]
            header.PixelSpacing = [spacing[1], spacing[0]]
            header.SliceThickness = spacing[2]
            header.Rows, header.Columns = shape[1], shape[0]
            if change is not None:
                change(header, int(k))
            path = folder / f"{name:04d}.dcm"
            header.save_as(path, enforce_file_format=True)
            self.files.append(path)


def _random_mask(shape: tuple[int, int, int], *, seed: int = 5) -> NDArray[np.bool_]:
    """Random voxels, two slices empty, one corner set."""
    mask = np.random.default_rng(seed).random(shape) < 0.3
    mask[:, :, [1, 4]] = False
    mask[0, 0, 0] = mask[-1, 0, -1] = True
    return mask


def _points_of_mask(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.float64]:
    matrix = np.array(grid.direction).reshape(3, 3)
    return np.asarray((np.argwhere(mask) * grid.spacing) @ matrix.T + np.array(grid.origin))


def _points_of_seg(path: Path, segment: int = 1) -> NDArray[np.float64]:
    """LPS mm of the pixels of a binary segment; bits are packed low bit first, without padding
    between frames (PS3.5 8.1.1)."""
    seg = pydicom.dcmread(path)
    count, rows, columns = int(seg.NumberOfFrames), seg.Rows, seg.Columns
    bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    frames = bits[: count * rows * columns].reshape(count, rows, columns)
    shared = seg.SharedFunctionalGroupsSequence[0]
    turn = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    row_step, column_step = (float(v) for v in shared.PixelMeasuresSequence[0].PixelSpacing)
    points = []
    for frame, group in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        named = group if "SegmentIdentificationSequence" in group else shared
        if named.SegmentIdentificationSequence[0].ReferencedSegmentNumber != segment:
            continue
        at = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        row, column = np.nonzero(frame)
        points.append(
            at + np.outer(column * column_step, turn[:3]) + np.outer(row * row_step, turn[3:])
        )
    return np.concatenate(points)


def _sorted(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points[np.lexsort(points.round(3).T)])


def _assert_same_points(
    first: NDArray[np.float64], second: NDArray[np.float64], atol: float = 1e-4
) -> None:
    assert len(first) == len(second)
    np.testing.assert_allclose(_sorted(first), _sorted(second), rtol=0, atol=atol)


FLIPPED = np.diag([-1.0, 1.0, 1.0])  # left-handed: the third axis runs against the normal
SAGITTAL = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
DIRECTIONS = {
    "axial": np.eye(3),
    "feet last": np.diag([1.0, 1.0, -1.0]),
    "flipped": FLIPPED,
    "prone": np.diag([-1.0, -1.0, 1.0]),
    "sagittal": SAGITTAL,
    "oblique": _rotation(seed=1),
    "oblique, left-handed": _rotation(seed=2) @ FLIPPED,
}


# --- round trips -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_written_mask_is_where_it_was(tmp_path: Path, name: str, order: Any) -> None:
    pet = PetSeries(tmp_path / "pet", direction=DIRECTIONS[name])
    mask = np.asarray(_random_mask(SHAPE), order=order)
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    _assert_same_points(_points_of_seg(tmp_path / "mask.dcm"), _points_of_mask(mask, pet.grid))

    back = read_dicom_seg(tmp_path / "mask.dcm", pet.grid)
    np.testing.assert_array_equal(back.values, mask)
    assert back.values.dtype == np.uint8
    assert back.quantity is Quantity.LABEL
    assert back.grid is pet.grid
    assert back.source == str(tmp_path / "mask.dcm")

    own = read_dicom_seg(tmp_path / "mask.dcm")
    _assert_same_points(_points_of_mask(own.mask(), own.grid), _points_of_mask(mask, pet.grid))
    assert own.grid.frame_uid == pet.grid.frame_uid


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (1, -1, 1), (-1, -1, -1)])
def test_grid_axes_may_differ_from_the_files(
    tmp_path: Path, axes: tuple[int, int, int], flips: tuple[int, int, int]
) -> None:
    """The same voxels with exchanged and reversed axes, as other converters store them."""
    pet = PetSeries(tmp_path / "pet", direction=_rotation(seed=4))
    mask = _random_mask(SHAPE)
    turned = mask.transpose(axes)[tuple(slice(None, None, s) for s in flips)]
    first = [0 if s > 0 else n - 1 for s, n in zip(flips, turned.shape, strict=True)]
    corner = np.zeros(3)
    corner[list(axes)] = first
    grid = Grid(
        shape=turned.shape,
        spacing=tuple(np.array(SPACING)[list(axes)]),
        origin=tuple(pet.grid.to_world(corner)),
        direction=tuple((np.array(pet.grid.direction).reshape(3, 3)[:, axes] * flips).ravel()),
    )
    _assert_same_points(_points_of_mask(turned, grid), _points_of_mask(mask, pet.grid))
    write_dicom_seg(turned, grid, pet.files, tmp_path / "mask.dcm")
    _assert_same_points(_points_of_seg(tmp_path / "mask.dcm"), _points_of_mask(mask, pet.grid))
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", grid).values, turned)
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", pet.grid).values, mask)


def test_highdicom_reads_the_same_volume(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet", direction=_rotation(seed=6))
    mask = _random_mask(SHAPE)
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    volume = highdicom.seg.segread(tmp_path / "mask.dcm").get_volume(
        combine_segments=True, allow_missing_positions=True
    )
    index = np.argwhere(volume.array)
    points = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    _assert_same_points(points, _points_of_mask(mask, pet.grid))


def test_simpleitk_reads_the_same_frames(tmp_path: Path) -> None:
    """GDCM inside SimpleITK ignores where frames are, but decodes their pixels on its own."""
    pet = PetSeries(tmp_path / "pet", shape=(16, 8, 5))
    mask = _random_mask((16, 8, 5))
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    frames = sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "mask.dcm"))
    groups = pydicom.dcmread(tmp_path / "mask.dcm").PerFrameFunctionalGroupsSequence
    heights = [float(g.PlanePositionSequence[0].ImagePositionPatient[2]) for g in groups]
    from_the_feet = frames[np.argsort(heights)] > 0
    np.testing.assert_array_equal(from_the_feet, mask.T[mask.any(axis=(0, 1))])


def test_steps_that_vary_a_little(tmp_path: Path) -> None:
    """Two joins of beds 0.03 voxels wide; frames keep the true positions of their slices."""
    offsets = np.array([0, 0, 0, 0.13, 0.13, 0.26, 0.26])
    pet = PetSeries(tmp_path / "pet", offsets=offsets)
    mean = Grid(SHAPE, (*SPACING[:2], SPACING[2] + 0.26 / 6), tuple(ORIGIN))
    mask = _random_mask(SHAPE)
    write_dicom_seg(mask, mean, pet.files, tmp_path / "mask.dcm")
    seg = pydicom.dcmread(tmp_path / "mask.dcm")
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert float(measures.SpacingBetweenSlices) == pytest.approx(mean.spacing[2])
    true = _points_of_mask(mask, pet.grid)
    true[:, 2] += offsets[np.argwhere(mask)[:, 2]]
    _assert_same_points(_points_of_seg(tmp_path / "mask.dcm"), true)
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", mean).values, mask)
    own = read_dicom_seg(tmp_path / "mask.dcm")
    np.testing.assert_array_equal(own.values, mask)
    assert own.grid.worst_offset_mm(mean) < 0.01


@pytest.mark.parametrize("kept", [[3], [2, 5], [0, 3, 6], [1, 2, 6]])
def test_few_slices(tmp_path: Path, kept: list[int]) -> None:
    """Frames that are left out are empty, and the step is known although neighbours are missing."""
    pet = PetSeries(tmp_path / "pet", direction=_rotation(seed=8))
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:5, 3, kept] = True
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    seg = pydicom.dcmread(tmp_path / "mask.dcm")
    assert seg.NumberOfFrames == len(kept)
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", pet.grid).values, mask)
    own = read_dicom_seg(tmp_path / "mask.dcm")
    assert own.values.shape == (*SHAPE[:2], kept[-1] - kept[0] + 1)
    assert own.grid.spacing == pytest.approx(SPACING, abs=1e-6)
    _assert_same_points(_points_of_mask(own.mask(), own.grid), _points_of_mask(mask, pet.grid))


def test_step_is_not_needed_when_frames_fit_the_grid(tmp_path: Path) -> None:
    """Other makers leave Spacing Between Slices out, and empty frames too."""
    pet = PetSeries(tmp_path / "pet")
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:5, 3, [0, 3, 6]] = True
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    seg = pydicom.dcmread(tmp_path / "mask.dcm")
    del seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    seg.save_as(tmp_path / "mask.dcm")
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", pet.grid).values, mask)


@pytest.mark.parametrize("shape", [(1, 9, 4), (9, 1, 4), (5, 4, 1), (8, 1, 1)])
def test_thin_volumes(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    pet = PetSeries(tmp_path / "pet", shape=shape)
    mask = np.ones(shape, dtype=bool)
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", pet.grid).values, mask)
    assert read_dicom_seg(tmp_path / "mask.dcm").grid.agrees_with(pet.grid)


def test_slices_of_few_pixels_are_refused(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet", shape=(7, 1, 4))
    with pytest.raises(InputError, match="cannot refer") as caught:
        write_dicom_seg(np.ones((7, 1, 4)), pet.grid, pet.files, tmp_path / "mask.dcm")
    assert "fewer than 8 pixels" in str(caught.value)


def test_empty_mask(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    write_dicom_seg(np.zeros(SHAPE, dtype=bool), pet.grid, pet.files, tmp_path / "mask.dcm")
    assert pydicom.dcmread(tmp_path / "mask.dcm").NumberOfFrames == SHAPE[2]
    back = read_dicom_seg(tmp_path / "mask.dcm", pet.grid)
    assert back.values.shape == SHAPE
    assert not back.values.any()


def test_same_content_each_time(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    for name, files in (("a.dcm", pet.files), ("b.dcm", pet.files[::-1])):
        write_dicom_seg(_random_mask(SHAPE), pet.grid, files, tmp_path / name)
    first, second = (pydicom.dcmread(tmp_path / name) for name in ("a.dcm", "b.dcm"))
    assert first.PixelData == second.PixelData
    groups = (seg.PerFrameFunctionalGroupsSequence for seg in (first, second))
    for ours, theirs in zip(*groups, strict=True):
        assert ours.PlanePositionSequence == theirs.PlanePositionSequence
        assert ours.DerivationImageSequence == theirs.DerivationImageSequence
    assert first.SOPInstanceUID != second.SOPInstanceUID


# --- what the object says --------------------------------------------------------------------


def test_identity_of_source_and_algorithm(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    mask = _random_mask(SHAPE)
    write_dicom_seg(
        mask,
        pet.grid,
        pet.files,
        tmp_path / "mask.dcm",
        algorithm="propagate",
        version="1.2.3",
        segment_label="Läsion",
        description="Second reading",
        family=AlgorithmFamily.LEARNED,
        automatic=True,
    )
    seg = pydicom.dcmread(tmp_path / "mask.dcm")
    source = pydicom.dcmread(pet.files[0])
    for keyword in ("PatientID", "PatientName", "PatientSex", "StudyInstanceUID", "StudyDate"):
        assert seg[keyword].value == source[keyword].value
    assert seg.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID
    assert (seg.Modality, seg.SegmentationType) == ("SEG", "BINARY")
    assert seg.SeriesDescription == "Second reading"
    segment = seg.SegmentSequence[0]
    category = segment.SegmentedPropertyCategoryCodeSequence[0]
    kind = segment.SegmentedPropertyTypeCodeSequence[0]
    assert (category.CodeValue, category.CodingSchemeDesignator) == ("49755003", "SCT")
    assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("52988006", "SCT")
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("propagate", "1.2.3")
    assert algorithm.AlgorithmFamilyCodeSequence[0].CodeValue == "123110"

    heights = {}
    for file in pet.files:
        header = pydicom.dcmread(file)
        heights[header.SOPInstanceUID] = float(header.ImagePositionPatient[2])
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    for group in seg.PerFrameFunctionalGroupsSequence:
        referred = group.DerivationImageSequence[0].SourceImageSequence[0]
        at = float(group.PlanePositionSequence[0].ImagePositionPatient[2])
        assert heights[referred.ReferencedSOPInstanceUID] == at
    assert list_segments(tmp_path / "mask.dcm") == (
        SegmentInfo(
            number=1,
            label="Läsion",
            category="Morphologically Abnormal Structure",
            property_type="Lesion",
            algorithm_type="AUTOMATIC",
            algorithm_name="propagate",
        ),
    )


def test_names_of_any_script(tmp_path: Path) -> None:
    """The source is in Latin-1; the SEG must hold its name and a label beyond Latin-1."""

    def change(header: Dataset, _: int) -> None:
        header.SpecificCharacterSet = "ISO_IR 100"
        header.PatientName = "Müller^Jörg"

    pet = PetSeries(tmp_path / "pet", change=change)
    write_dicom_seg(
        np.ones(SHAPE), pet.grid, pet.files, tmp_path / "mask.dcm", segment_label="病変"
    )
    seg = pydicom.dcmread(tmp_path / "mask.dcm")
    assert seg.PatientName == "Müller^Jörg"
    assert seg.SegmentSequence[0].SegmentLabel == "病変"
    raw = (tmp_path / "mask.dcm").read_bytes()
    assert "Müller^Jörg".encode() in raw
    assert "病変".encode() in raw


def test_bare_header_is_enough(tmp_path: Path) -> None:
    """De-identified files often lack attributes that may be empty but must be there."""

    def strip(header: Dataset, _: int) -> None:
        for keyword in ("PatientName", "PatientSex", "PatientBirthDate", "StudyDate", "StudyTime"):
            del header[keyword]
        for keyword in ("StudyID", "AccessionNumber", "PatientID", "SeriesNumber"):
            del header[keyword]
        del header.ReferringPhysicianName
        del header.SliceThickness

    pet = PetSeries(tmp_path / "pet", change=strip)
    mask = _random_mask(SHAPE)
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", pet.grid).values, mask)


# --- objects of other makers -----------------------------------------------------------------


def _foreign_seg(
    pet: PetSeries,
    values: NDArray[Any],
    kind: str,
    path: Path,
) -> None:
    """A SEG by highdicom; ``values`` [x, y, z, segment], or [x, y, z] for a label map."""
    headers = [pydicom.dcmread(file) for file in pet.files]
    headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    count = int(values.max()) if values.ndim == 3 else values.shape[3]
    segments = [
        highdicom.seg.SegmentDescription(
            number,
            f"part {number}",
            codes.SCT.Tissue,
            codes.SCT.Tissue,
            "MANUAL",
        )
        for number in range(1, count + 1)
    ]
    axes = (2, 1, 0, 3)[: values.ndim]
    highdicom.seg.Segmentation(
        headers,
        np.ascontiguousarray(values.transpose(axes)),
        kind,
        segments,
        generate_uid(),
        1,
        generate_uid(),
        1,
        "maker",
        "model",
        "1",
        "1",
        max_fractional_value=200,
    ).save_as(path)


def test_segments_that_overlap(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pet = PetSeries(tmp_path / "pet")
    parts = np.random.default_rng(2).random((*SHAPE, 3)) < 0.2
    parts[..., 2, 1] = False  # this segment has no frame there
    _foreign_seg(pet, parts.astype(np.uint8), "BINARY", tmp_path / "seg.dcm")
    path = tmp_path / "seg.dcm"
    assert [s.label for s in list_segments(path)] == ["part 1", "part 2", "part 3"]
    np.testing.assert_array_equal(read_dicom_seg(path, pet.grid).values, parts.any(axis=3))
    for chosen in ([1], [3], [1, 3]):
        expected = parts[..., [c - 1 for c in chosen]].any(axis=3)
        np.testing.assert_array_equal(
            read_dicom_seg(path, pet.grid, segments=chosen).values, expected
        )
    assert not caplog.records
    labels = read_dicom_seg(path, pet.grid, as_labels=True)
    np.testing.assert_array_equal(labels.values, (parts * np.array([1, 2, 3])).max(axis=3))
    assert "overlap" in caplog.text
    with pytest.raises(InputError, match="no segment 4") as caught:
        read_dicom_seg(path, pet.grid, segments=[1, 4])
    assert "1 (part 1), 2 (part 2), 3 (part 3)" in str(caught.value)
    with pytest.raises(InputError, match="no segment"):
        read_dicom_seg(path, pet.grid, segments=[])


@pytest.mark.parametrize("compress", [False, True])
def test_fractional_counts_from_one_half(
    tmp_path: Path, compress: bool, caplog: pytest.LogCaptureFixture
) -> None:
    pet = PetSeries(tmp_path / "pet")
    parts = np.random.default_rng(2).integers(0, 201, (*SHAPE, 2))
    parts[:2, 0, 0, 0] = [99, 100]
    _foreign_seg(pet, parts / 200.0, "FRACTIONAL", tmp_path / "seg.dcm")
    if compress:
        seg = pydicom.dcmread(tmp_path / "seg.dcm")
        seg.compress(RLELossless, encoding_plugin="pydicom")
        seg.save_as(tmp_path / "seg.dcm")
    back = read_dicom_seg(tmp_path / "seg.dcm", pet.grid, segments=[1])
    np.testing.assert_array_equal(back.values, parts[..., 0] >= 100)
    assert "fractional" in caplog.text


def test_label_map_object(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    labels = np.random.default_rng(2).integers(0, 4, SHAPE).astype(np.uint8)
    _foreign_seg(pet, labels, "LABELMAP", tmp_path / "seg.dcm")
    path = tmp_path / "seg.dcm"
    assert [s.number for s in list_segments(path)] == [1, 2, 3]
    np.testing.assert_array_equal(read_dicom_seg(path, pet.grid).values, labels > 0)
    np.testing.assert_array_equal(read_dicom_seg(path, pet.grid, as_labels=True).values, labels)
    np.testing.assert_array_equal(read_dicom_seg(path, pet.grid, segments=[2]).values, labels == 2)


def test_segment_numbers_above_255(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet", shape=(3, 2, 2))
    labels = np.array([0, 256, 300] * 4).reshape(3, 2, 2).astype(np.uint16)
    _foreign_seg(pet, labels, "LABELMAP", tmp_path / "seg.dcm")
    back = read_dicom_seg(tmp_path / "seg.dcm", pet.grid, as_labels=True)
    np.testing.assert_array_equal(back.values, labels)
    assert read_dicom_seg(tmp_path / "seg.dcm", pet.grid).values.max() == 1


# --- other grids -----------------------------------------------------------------------------


def test_part_of_the_grid(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A SEG on shifted frames is copied where the two overlap; what lies outside is counted."""
    pet = PetSeries(tmp_path / "pet")
    mask = _random_mask(SHAPE)
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    grid = Grid((8, 12, 6), SPACING, tuple(pet.grid.to_world([4, -2, 3])))
    expected = np.zeros(grid.shape, dtype=bool)
    expected[0:7, 2:11, 0:4] = mask[4:, :, 3:]
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", grid).values, expected)
    assert f"{mask.sum() - expected.sum()} of {mask.sum()} voxels lie outside" in caplog.text


@pytest.mark.parametrize("name", ["axial", "flipped", "oblique"])
def test_other_grid_takes_the_nearest(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    pet = PetSeries(tmp_path / "pet", direction=DIRECTIONS[name])
    mask = _random_mask(SHAPE)
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    grid = Grid((13, 15, 12), (2.1, 1.9, 2.3), tuple(pet.grid.to_world([1.3, 0.7, 0.2])))
    back = read_dicom_seg(tmp_path / "mask.dcm", grid)
    assert "nearest" in back.source
    assert "another grid" in caplog.text

    matrix = np.array(pet.grid.direction).reshape(3, 3)
    index = np.indices(grid.shape).reshape(3, -1).T
    world = index * grid.spacing + grid.origin
    continuous = (world - pet.grid.origin) @ matrix / SPACING
    nearest = np.rint(continuous).astype(int)
    inside = ((nearest >= 0) & (nearest < SHAPE)).all(axis=1)
    expected = np.zeros(len(index), dtype=bool)
    expected[inside] = mask[tuple(nearest[inside].T)]
    sure = (np.abs(continuous - np.rint(continuous)) < 0.49).all(axis=1)  # not between two voxels
    assert expected.any()
    np.testing.assert_array_equal(back.values.reshape(-1)[sure], expected[sure])


def test_wholly_outside(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    write_dicom_seg(_random_mask(SHAPE), pet.grid, pet.files, tmp_path / "mask.dcm")
    width = SHAPE[0] * SPACING[0]
    away = Grid(SHAPE, SPACING, (ORIGIN[0] + width + 40.0, ORIGIN[1], ORIGIN[2]))
    with pytest.raises(InputError, match="wholly outside") as caught:
        read_dicom_seg(tmp_path / "mask.dcm", away)
    # From the centre of the last pixel to the near face of the first voxel of the grid.
    assert f"{40.0 + SPACING[0] / 2:.1f} mm" in str(caught.value)
    assert "mask.dcm" in str(caught.value)


def test_other_frame_of_reference(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    write_dicom_seg(_random_mask(SHAPE), pet.grid, pet.files, tmp_path / "mask.dcm")
    other = Grid(SHAPE, SPACING, tuple(ORIGIN), frame_uid="1.2.3")
    with pytest.raises(InputError, match="another frame of reference") as caught:
        read_dicom_seg(tmp_path / "mask.dcm", other)
    assert "1.2.3" in str(caught.value)
    assert "mm" in str(caught.value)


def test_frames_on_no_regular_grid(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    write_dicom_seg(np.ones(SHAPE, dtype=bool), pet.grid, pet.files, tmp_path / "mask.dcm")
    seg = pydicom.dcmread(tmp_path / "mask.dcm")
    position = seg.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence[0]
    position.ImagePositionPatient[2] += 0.4 * SPACING[2]
    seg.save_as(tmp_path / "uneven.dcm")
    with pytest.raises(InputError, match=r"uneven\.dcm") as caught:
        read_dicom_seg(tmp_path / "uneven.dcm")
    assert "one regular grid" in str(caught.value)


def test_rounded_orientation_is_made_upright(tmp_path: Path) -> None:
    """Three decimals are no longer two unit vectors at a right angle, but mean them."""
    pet = PetSeries(tmp_path / "pet", direction=_rotation(seed=6))
    mask = _random_mask(SHAPE)
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    seg = pydicom.dcmread(tmp_path / "mask.dcm")
    shared = seg.SharedFunctionalGroupsSequence[0]
    turn = shared.PlaneOrientationSequence[0]
    rounded = [round(float(v), 3) for v in turn.ImageOrientationPatient]
    turn.ImageOrientationPatient = rounded
    shared.PixelMeasuresSequence[0].SpacingBetweenSlices *= -1  # some makers count downwards
    seg.save_as(tmp_path / "rounded.dcm")
    own = read_dicom_seg(tmp_path / "rounded.dcm")
    np.testing.assert_array_equal(own.values, mask)
    np.testing.assert_allclose(own.grid.direction, pet.grid.direction, atol=1e-3)

    turn.ImageOrientationPatient = [rounded[0] + 0.1, *rounded[1:]]
    seg.save_as(tmp_path / "skewed.dcm")
    for grid in (None, pet.grid):
        with pytest.raises(InputError, match=r"skewed\.dcm") as caught:
            read_dicom_seg(tmp_path / "skewed.dcm", grid)
        assert "right angle" in str(caught.value)


# --- refusals when writing -------------------------------------------------------------------


def _shifted(grid: Grid, index: Sequence[float]) -> Grid:
    moved = grid.to_world(index)
    return Grid(grid.shape, grid.spacing, tuple(moved), grid.direction)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda g: _shifted(g, (0, 0, 0.5)), f"{SPACING[2] / 2:.3f} mm"),
        (lambda g: _shifted(g, (0.2, 0, 0)), "0.500 mm"),
        (lambda g: _shifted(g, (0, 3, 0)), f"{3 * SPACING[1]:.3f} mm"),
        (lambda g: Grid((11, 9, 6), g.spacing, g.origin), f"{SPACING[2] / 2:.3f} mm"),
        (lambda g: Grid((9, 11, 7), g.spacing, g.origin), "9 x 11 x 7"),
        (lambda g: Grid(g.shape, (2.5, 3.5, 4.5), g.origin), "4.5 mm"),
        (lambda g: Grid(g.shape, (2.0, 3.5, 4.25), g.origin), "2 x 3.5 x 4.25"),
        (lambda g: Grid(g.shape, g.spacing, g.origin, tuple(_rotation(seed=3).ravel())), "mm"),
        (lambda g: Grid(g.shape, g.spacing, g.origin, frame_uid="1.2.3"), "1.2.3"),
    ],
)
def test_grid_that_is_not_the_series(
    tmp_path: Path, change: Callable[[Grid], Grid], told: str
) -> None:
    pet = PetSeries(tmp_path / "pet")
    grid = change(pet.grid)
    mask = np.ones(grid.shape, dtype=bool)
    with pytest.raises(InputError, match='does not fit PT "WB PET AC"') as caught:
        write_dicom_seg(mask, grid, pet.files, tmp_path / "out" / "mask.dcm")
    assert told in str(caught.value)
    assert "mm apart" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_grid_within_the_tolerance(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    grid = _shifted(pet.grid, (0.09, -0.09, 0.09))
    write_dicom_seg(np.ones(SHAPE, dtype=bool), grid, pet.files, tmp_path / "mask.dcm")
    with pytest.raises(InputError, match="does not fit"):
        write_dicom_seg(
            np.ones(SHAPE, dtype=bool),
            _shifted(pet.grid, (0.11, 0, 0)),
            pet.files,
            tmp_path / "mask.dcm",
        )


def test_mask_of_another_shape(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    with pytest.raises(InputError, match="does not fit a grid"):
        write_dicom_seg(np.ones((9, 11, 7)), pet.grid, pet.files, tmp_path / "mask.dcm")


def test_slice_missing_or_twice(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    mask = np.ones(SHAPE, dtype=bool)
    for files in (pet.files[:-1], [*pet.files, pet.files[2]], [*pet.files[:-1], pet.files[0]]):
        with pytest.raises(InputError, match="does not fit"):
            write_dicom_seg(mask, pet.grid, files, tmp_path / "mask.dcm")
    with pytest.raises(InputError, match="needs the files"):
        write_dicom_seg(mask, pet.grid, [], tmp_path / "mask.dcm")
    assert not (tmp_path / "mask.dcm").exists()


def _set(keyword: str, value: object) -> Callable[[Dataset, int], None]:
    def change(header: Dataset, k: int) -> None:
        if k == 4:
            setattr(header, keyword, value)

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_set("SeriesInstanceUID", "1.2.3"), "SeriesInstanceUID"),
        (_set("FrameOfReferenceUID", "1.2.3"), "FrameOfReferenceUID"),
        (_set("FrameOfReferenceUID", None), "FrameOfReferenceUID (0020,0052) is missing"),
        (_set("Rows", 8), "Rows"),
        (_set("PixelSpacing", [2.5, 2.5]), "PixelSpacing"),
        (_set("ImageOrientationPatient", [0, 1, 0, 1, 0, 0]), "ImageOrientationPatient"),
        (_set("ImagePositionPatient", None), "ImagePositionPatient"),
        (_set("PixelSpacing", None), "PixelSpacing"),
        (_set("NumberOfFrames", 3), "multi-frame"),
    ],
)
def test_files_that_are_not_one_series(
    tmp_path: Path, change: Callable[[Dataset, int], None], told: str
) -> None:
    pet = PetSeries(tmp_path / "pet", change=change)
    with pytest.raises(InputError) as caught:
        write_dicom_seg(np.ones(SHAPE), pet.grid, pet.files, tmp_path / "mask.dcm")
    assert told in str(caught.value)
    assert ".dcm" in str(caught.value)
    assert not (tmp_path / "mask.dcm").exists()


@pytest.mark.parametrize("name", ["axial", "oblique"])
def test_series_that_can_be_read_can_be_written(tmp_path: Path, name: str) -> None:
    """Rounded cosines and spacings, places off by nearly a tenth of a voxel, no preamble."""

    def change(header: Dataset, k: int) -> None:
        header.PixelSpacing = [3.5 + 0.0009 * (k % 2), 2.5]
        cosines = [float(v) for v in header.ImageOrientationPatient]
        header.ImageOrientationPatient = [f"{v + 0.0004 * (k % 2):.3f}" for v in cosines]
        if k == 3:
            places = header.ImagePositionPatient
            down = zip(places, cosines[3:], strict=True)
            header.ImagePositionPatient = [float(v) + 0.08 * 3.5 * c for v, c in down]

    pet = PetSeries(tmp_path / "pet", direction=DIRECTIONS[name], change=change)
    pet.files[2].write_bytes(pet.files[2].read_bytes()[132:])
    (series,) = scan_folder(tmp_path / "pet")
    stack = stack_slices(series)
    mask = _random_mask(SHAPE)
    write_dicom_seg(mask, stack.grid, pet.files, tmp_path / "mask.dcm")
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", stack.grid).values, mask)


def test_header_that_highdicom_refuses(tmp_path: Path) -> None:
    def change(header: Dataset, _: int) -> None:
        header.PatientSex = "X"

    pet = PetSeries(tmp_path / "pet", change=change)
    with pytest.raises(InputError, match="WB PET AC") as caught:
        write_dicom_seg(np.ones(SHAPE), pet.grid, pet.files, tmp_path / "mask.dcm")
    assert "not sound" in str(caught.value)


def test_value_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pet = PetSeries(tmp_path / "pet")

    def refuse(self: Dataset, filename: Path, **_: object) -> None:
        Path(filename).write_bytes(b"half")
        raise ValueError("a value that cannot be encoded")

    monkeypatch.setattr(highdicom.seg.Segmentation, "save_as", refuse)
    with pytest.raises(InputError, match="WB PET AC"):
        write_dicom_seg(np.ones(SHAPE), pet.grid, pet.files, tmp_path / "out" / "mask.dcm")
    assert not (tmp_path / "out").exists()


def test_source_files_that_cannot_be_read(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    text = tmp_path / "text.dcm"
    text.write_text("not DICOM, but long enough to hold a header " * 10)
    for bad in (tmp_path / "absent.dcm", tmp_path, text):
        with pytest.raises(InputError, match=bad.name):
            write_dicom_seg(np.ones(SHAPE), pet.grid, [*pet.files, bad], tmp_path / "mask.dcm")


@pytest.mark.parametrize(
    "texts",
    [
        {"segment_label": "x" * 65},
        {"segment_label": ""},
        {"algorithm": "a\\b"},
        {"description": "two\nlines"},
        {"version": "v" * 65},
    ],
)
def test_texts_that_dicom_cannot_hold(tmp_path: Path, texts: dict[str, Any]) -> None:
    pet = PetSeries(tmp_path / "pet")
    with pytest.raises(InputError, match=next(iter(texts))):
        write_dicom_seg(np.ones(SHAPE), pet.grid, pet.files, tmp_path / "mask.dcm", **texts)


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pet = PetSeries(tmp_path / "pet")
    target = tmp_path / "out" / "mask.dcm"
    write_dicom_seg(np.ones(SHAPE), pet.grid, pet.files, target)
    before = target.read_bytes()

    def full(self: Dataset, filename: Path, **_: object) -> None:
        Path(filename).write_bytes(b"half")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(highdicom.seg.Segmentation, "save_as", full)
    with pytest.raises(OutputError, match="cannot write"):
        write_dicom_seg(_random_mask(SHAPE), pet.grid, pet.files, target)
    assert [p.name for p in target.parent.iterdir()] == ["mask.dcm"]
    assert target.read_bytes() == before


# --- refusals when reading -------------------------------------------------------------------


def test_every_truncation_is_an_input_error(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    write_dicom_seg(_random_mask(SHAPE), pet.grid, pet.files, tmp_path / "mask.dcm")
    whole = (tmp_path / "mask.dcm").read_bytes()
    cut = tmp_path / "cut.dcm"
    for length in [*range(0, len(whole), 97), len(whole) - 2, len(whole) - 40]:
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.dcm"):
            read_dicom_seg(cut, pet.grid)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, on each damaged value
def test_random_damage_gives_a_mask_or_an_input_error(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    write_dicom_seg(_random_mask(SHAPE), pet.grid, pet.files, tmp_path / "mask.dcm")
    whole = np.frombuffer((tmp_path / "mask.dcm").read_bytes(), np.uint8)
    rng = np.random.default_rng(11)
    refused = 0
    for _ in range(60):
        damaged = whole.copy()
        damaged[rng.integers(132, len(whole), 20)] = rng.integers(0, 256, 20)
        (tmp_path / "damaged.dcm").write_bytes(damaged.tobytes())
        try:
            assert read_dicom_seg(tmp_path / "damaged.dcm", pet.grid).values.shape == SHAPE
        except InputError as error:
            refused += 1
            assert "damaged.dcm" in str(error)  # noqa: PT017
    assert refused > 10


def test_fewer_pixels_than_described(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    write_dicom_seg(_random_mask(SHAPE), pet.grid, pet.files, tmp_path / "mask.dcm")
    seg = pydicom.dcmread(tmp_path / "mask.dcm")
    seg.PixelData = seg.PixelData[:-2]
    seg.save_as(tmp_path / "short.dcm")
    with pytest.raises(InputError, match=r"short\.dcm") as caught:
        read_dicom_seg(tmp_path / "short.dcm", pet.grid)
    assert "60 of 62 bytes" in str(caught.value)


def test_files_that_are_not_segmentations(tmp_path: Path) -> None:
    pet = PetSeries(tmp_path / "pet")
    text = tmp_path / "text.dcm"
    text.write_text("not DICOM, but long enough to hold a header " * 10)
    for bad in (tmp_path / "absent.dcm", tmp_path, text, pet.files[0]):
        for call in (read_dicom_seg, list_segments):
            with pytest.raises(InputError, match=bad.name):
                call(bad)
    with pytest.raises(InputError, match="not a DICOM SEG") as caught:
        read_dicom_seg(pet.files[0])
    assert "Positron Emission Tomography Image Storage" in str(caught.value)


@pytest.mark.parametrize(
    "keyword",
    [
        "PixelData",
        "SegmentSequence",
        "PerFrameFunctionalGroupsSequence",
        "SharedFunctionalGroupsSequence",
        "NumberOfFrames",
        "Rows",
    ],
)
def test_object_with_a_part_missing(tmp_path: Path, keyword: str) -> None:
    pet = PetSeries(tmp_path / "pet")
    write_dicom_seg(_random_mask(SHAPE), pet.grid, pet.files, tmp_path / "mask.dcm")
    seg = pydicom.dcmread(tmp_path / "mask.dcm")
    del seg[keyword]
    seg.save_as(tmp_path / "part.dcm")
    with pytest.raises(InputError, match=r"part\.dcm"):
        read_dicom_seg(tmp_path / "part.dcm", pet.grid)


# --- the real study --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(shared: Path) -> Path:
    return shared / "data" / "petct-dicom"


def _grid_of(folder: Path) -> tuple[Grid, list[pydicom.FileDataset]]:
    """Grid with the mean step, and the files from the feet up; by hand from the headers."""
    files = [pydicom.dcmread(file) for file in sorted(folder.glob("*.dcm"))]
    files.sort(key=lambda file: float(file.ImagePositionPatient[2]))
    first, last = files[0], files[-1]
    assert list(first.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    heights = [float(file.ImagePositionPatient[2]) for file in files]
    row_step, column_step = (float(v) for v in first.PixelSpacing)
    x, y, z = (float(v) for v in first.ImagePositionPatient)
    grid = Grid(
        shape=(int(first.Columns), int(first.Rows), len(files)),
        spacing=(column_step, row_step, (heights[-1] - heights[0]) / (len(files) - 1)),
        origin=(x, y, z),
        frame_uid=str(last.FrameOfReferenceUID),
    )
    return grid, files


def _millilitres(path: Path, segment: int) -> float:
    """From the bits and the header alone."""
    measures = pydicom.dcmread(path).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    row_step, column_step = (float(v) for v in measures.PixelSpacing)
    voxel = row_step * column_step * float(measures.SpacingBetweenSlices) / 1000
    return len(_points_of_seg(path, segment)) * voxel


def test_real_study_round_trip(study: Path, tmp_path: Path) -> None:
    grid, files = _grid_of(study / "PET_AC")
    activity = np.stack([f.pixel_array * float(f.RescaleSlope) for f in files]).T
    mask = activity * 0.00042111 > 4.0  # SUV by the study's own factor
    assert 1000 < mask.sum() < 50_000
    write_dicom_seg(mask, grid, sorted((study / "PET_AC").glob("*.dcm")), tmp_path / "mask.dcm")

    points = _points_of_seg(tmp_path / "mask.dcm")
    index = np.argwhere(mask)
    heights = np.array([float(f.ImagePositionPatient[2]) for f in files])
    expected = np.array(grid.origin) + index * grid.spacing
    expected[:, 2] = heights[index[:, 2]]
    _assert_same_points(points, expected, atol=1e-3)
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", grid).values, mask)
    seg = pydicom.dcmread(tmp_path / "mask.dcm")
    assert seg.PatientID == files[0].PatientID
    assert seg.FrameOfReferenceUID == files[0].FrameOfReferenceUID


def _only_file(folder: Path) -> Path:
    (file,) = folder.glob("*.dcm")
    return file


@pytest.mark.parametrize("name", ["SEG_on_PET_grid_504365", "SEG_on_PET_grid_162308"])
def test_real_objects_on_the_pet_grid(
    study: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    grid, _ = _grid_of(study / "PET_AC")
    path = _only_file(study / name)
    segments = [s.number for s in list_segments(path)]
    assert segments == ([1, 2] if name.endswith("504365") else [1])
    for number in segments:
        volume = read_dicom_seg(path, grid, segments=[number])
        nearest = np.rint((_points_of_seg(path, number) - grid.origin) / grid.spacing).astype(int)
        expected = np.zeros(grid.shape, dtype=bool)
        expected[tuple(nearest.T)] = True
        np.testing.assert_array_equal(volume.values, expected)
        assert volume.values.sum() * grid.voxel_ml == pytest.approx(
            _millilitres(path, number), rel=1e-6
        )
    assert not caplog.records
    if name.endswith("504365"):
        tumour = read_dicom_seg(path, grid, segments=[1])
        assert tumour.values.sum() * grid.voxel_ml == pytest.approx(183, abs=0.5)


def test_real_object_on_the_ct_grid(study: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = _only_file(study / "SEG_on_CT_grid_760111")
    ct_grid, _ = _grid_of(study / "CT")
    pet_grid, _ = _grid_of(study / "PET_AC")
    for number in (1, 2):
        expected = _millilitres(path, number)
        own = read_dicom_seg(path, segments=[number])
        assert own.values.sum() * own.grid.voxel_ml == pytest.approx(expected, rel=1e-5)
        assert own.grid.shape == (512, 512, 40)
        on_ct = read_dicom_seg(path, ct_grid, segments=[number])
        _assert_same_points(
            _points_of_mask(on_ct.mask(), ct_grid), _points_of_seg(path, number), atol=0.02
        )
        assert not caplog.records
        on_pet = read_dicom_seg(path, pet_grid, segments=[number])
        assert "nearest" in on_pet.source
        assert on_pet.values.sum() * pet_grid.voxel_ml == pytest.approx(expected, rel=0.02)
        assert "another grid" in caplog.text
        caplog.clear()


def test_real_files_of_the_wrong_series(study: Path, tmp_path: Path) -> None:
    grid, _ = _grid_of(study / "PET_AC")
    mask = np.ones(grid.shape, dtype=bool)
    with pytest.raises(InputError, match="does not fit") as caught:
        write_dicom_seg(mask, grid, sorted((study / "CT").glob("*.dcm")), tmp_path / "mask.dcm")
    assert "512 x 512" in str(caught.value)
    shutil.copy(study / "PET_AC" / "0000.dcm", tmp_path / "one.dcm")
    with pytest.raises(InputError, match="do not fit together"):
        write_dicom_seg(
            mask,
            grid,
            [*sorted((study / "PET_NAC").glob("*.dcm"))[:-1], tmp_path / "one.dcm"],
            tmp_path / "mask.dcm",
        )
    assert [p.name for p in tmp_path.iterdir()] == ["one.dcm"]


@pytest.mark.slow
def test_full_size(tmp_path: Path) -> None:
    """400 x 400 x 326 voxels with 20 lesions: seconds, not minutes."""
    shape = (400, 400, 326)
    pet = PetSeries(tmp_path / "pet", shape=shape, spacing=(2.04, 2.04, 3.0))
    mask = np.zeros(shape, dtype=bool, order="F")
    for x, y, z in np.random.default_rng(1).integers(30, 290, (20, 3)):
        mask[x - 8 : x + 8, y - 8 : y + 8, z - 6 : z + 6] = True
    write_dicom_seg(mask, pet.grid, pet.files, tmp_path / "mask.dcm")
    np.testing.assert_array_equal(read_dicom_seg(tmp_path / "mask.dcm", pet.grid).values, mask)
