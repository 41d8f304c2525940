"""RTSTRUCT out, against pydicom and scikit-image: every pixel is put into the patient by the header
of the slice that a contour names, and filled there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.uid import RTStructureSetStorage
from skimage.measure import grid_points_in_poly

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.imaging.dicom import read_dicom_study, write_rtstruct

SHAPE = (11, 9, 6)
OBLIQUE = tuple(np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0].T[:2].ravel())


def _study(write_series: Callable[..., Any], folder: Path, **changes: Any) -> Study:
    write_series(folder, count=SHAPE[2], shape=(SHAPE[1], SHAPE[0]), **changes)
    return read_dicom_study(folder)


def _labels(seed: int = 5, density: float = 0.5) -> NDArray[Any]:
    """Three interleaved lesions full of holes; one slice is empty."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, 4, SHAPE) * (rng.random(SHAPE) < density)
    labels[:, :, 2] = 0
    return labels.astype(np.uint16)


def _read(path: Path, files: list[Path], grid: Grid) -> NDArray[np.int64]:
    """Labels on the grid: contours of an ROI are combined by XOR."""
    headers = {h.SOPInstanceUID: h for h in (pydicom.dcmread(f) for f in files)}
    labels = np.zeros(grid.shape, dtype=np.int64)
    for roi in pydicom.dcmread(path).ROIContourSequence:
        mask = np.zeros(grid.shape, dtype=bool)
        for contour in roi.ContourSequence:
            assert contour.ContourGeometricType == "CLOSED_PLANAR"
            header = headers[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
            points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            assert len(points) == contour.NumberOfContourPoints
            turn = np.array(header.ImageOrientationPatient, dtype=float).reshape(2, 3)
            away = points - np.array(header.ImagePositionPatient, dtype=float)
            np.testing.assert_allclose(away @ np.cross(*turn), 0, atol=1e-4)  # in the slice's plane
            row = away @ turn[1] / header.PixelSpacing[0]
            column = away @ turn[0] / header.PixelSpacing[1]
            np.testing.assert_allclose(row % 1, 0.5, atol=1e-4)  # along pixel edges
            shape = (header.Rows, header.Columns)
            filled = grid_points_in_poly(shape, np.stack([row, column], axis=1))
            for r, c in np.argwhere(filled):
                place = np.array(header.ImagePositionPatient, dtype=float) + (
                    c * header.PixelSpacing[1] * turn[0] + r * header.PixelSpacing[0] * turn[1]
                )
                voxel = tuple(np.rint(grid.to_index(place)).astype(int))
                mask[voxel] ^= True
        assert not labels[mask].any()
        labels[mask] = roi.ReferencedROINumber
    return labels


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "cosines", [(1.0, 0, 0, 0, 1.0, 0), (0, 1.0, 0, 0, 0, -1.0), (-1.0, 0, 0, 0, 1.0, 0), OBLIQUE]
)
def test_written_lesions_are_read_back(
    tmp_path: Path, write_series: Callable[..., Any], cosines: Any, order: Any
) -> None:
    study = _study(write_series, tmp_path / "pet", cosines=cosines)
    labels = np.asarray(_labels(), order=order)
    write_rtstruct(labels, study, tmp_path / "out" / "rt.dcm")
    files = [Path(file) for file in study.provenance.pet_files]
    found = _read(tmp_path / "out" / "rt.dcm", files, study.grid)
    np.testing.assert_array_equal(found, labels)


def test_object_refers_to_the_series(tmp_path: Path, write_series: Callable[..., Any]) -> None:
    study = _study(write_series, tmp_path / "pet", tags={"PatientSex": "F", "StudyID": "7"})
    write_rtstruct(_labels(), study, tmp_path / "rt.dcm", algorithm="propagate")
    written = pydicom.dcmread(tmp_path / "rt.dcm")
    source = [pydicom.dcmread(file) for file in study.provenance.pet_files]
    first = source[0]
    assert written.SOPClassUID == RTStructureSetStorage
    assert written.Modality == "RTSTRUCT"
    for keyword in ("PatientID", "PatientName", "PatientSex", "StudyInstanceUID", "StudyID"):
        assert written[keyword].value == first[keyword].value
    assert written.SeriesInstanceUID != first.SeriesInstanceUID
    frame = written.ReferencedFrameOfReferenceSequence[0]
    assert frame.FrameOfReferenceUID == first.FrameOfReferenceUID
    series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == first.SeriesInstanceUID
    assert {i.ReferencedSOPInstanceUID for i in series.ContourImageSequence} == {
        h.SOPInstanceUID for h in source
    }
    rois = written.StructureSetROISequence
    assert [roi.ROIName for roi in rois] == ["Lesion 1", "Lesion 2", "Lesion 3"]
    assert {roi.ReferencedFrameOfReferenceUID for roi in rois} == {first.FrameOfReferenceUID}
    assert {roi.ROIGenerationAlgorithm for roi in rois} == {"SEMIAUTOMATIC"}
    assert rois[0].ROIGenerationDescription.startswith("propagate ")
    assert "not DICOM" not in written.SeriesDescription
    for sequence in (written.ROIContourSequence, written.RTROIObservationsSequence):
        assert [item.ReferencedROINumber for item in sequence] == [1, 2, 3]


def test_study_that_was_not_dicom_says_so(tmp_path: Path) -> None:
    grid = Grid(SHAPE, (2.0, 3.0, 4.0), (1.0, 2.0, 3.0))
    pet = Volume(np.random.default_rng(1).random(SHAPE), grid, Quantity.SUV_BW)
    write_rtstruct(_labels(), Study(pet, None, "case 7"), tmp_path / "rt.dcm")
    written = pydicom.dcmread(tmp_path / "rt.dcm")
    assert "not DICOM" in written.SeriesDescription
    assert len(written.SeriesDescription) <= 64
    assert written.PatientName == ""
    points = np.concatenate(
        [
            np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            for roi in written.ROIContourSequence
            for contour in roi.ContourSequence
        ]
    )
    index = grid.to_index(points)
    assert index.min() >= -0.5 - 1e-6
    np.testing.assert_allclose(index[:, :2] % 1, 0.5, atol=1e-5)
    np.testing.assert_allclose(index[:, 2], index[:, 2].round(), atol=1e-5)


def test_no_lesion_is_refused(tmp_path: Path, write_series: Callable[..., Any]) -> None:
    study = _study(write_series, tmp_path / "pet")
    with pytest.raises(InputError, match="cannot write") as caught:
        write_rtstruct(np.zeros(SHAPE, np.uint8), study, tmp_path / "rt.dcm")
    assert "no lesion" in str(caught.value)
    assert not (tmp_path / "rt.dcm").exists()


def test_recorded_study(tmp_path: Path, shared: Path) -> None:
    """The first mask of a recorded PET/CT, threshold and all, comes back voxel by voxel."""
    study = read_dicom_study(shared / "data" / "petct-dicom")
    labels = (study.pet.values > 6).astype(np.uint8)
    write_rtstruct(labels, study, tmp_path / "rt.dcm")
    files = [Path(file) for file in study.provenance.pet_files]
    np.testing.assert_array_equal(_read(tmp_path / "rt.dcm", files, study.grid), labels)


@pytest.mark.parametrize(
    ("characters", "name"), [("ISO_IR 100", "Müller^Jörg"), ("GB18030", "Wang^XiaoDong=王^小东")]
)
def test_names_of_any_script_are_kept(
    tmp_path: Path, write_series: Callable[..., Any], characters: str, name: str
) -> None:
    tags = {"SpecificCharacterSet": characters, "PatientName": name}
    study = _study(write_series, tmp_path / "pet", tags=tags)
    write_rtstruct(_labels(), study, tmp_path / "rt.dcm")
    assert pydicom.dcmread(tmp_path / "rt.dcm").PatientName == name
