"""DICOM SEG with a segment per lesion, against pydicom and highdicom."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.imaging.dicom import list_segments, read_dicom_study, write_lesion_seg
from lesionloop.quantification import read_lesion_seg, split_lesions

SHAPE = (11, 9, 6)
OBLIQUE = tuple(np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0].T[:2].ravel())


def _study(write_series: Callable[..., Any], folder: Path, **changes: Any) -> Study:
    write_series(folder, count=SHAPE[2], shape=(SHAPE[1], SHAPE[0]), **changes)
    return read_dicom_study(folder)


def _from_arrays(seed: int = 1, direction: Any = (1, 0, 0, 0, 1, 0, 0, 0, 1)) -> Study:
    values = np.random.default_rng(seed).random(SHAPE).astype(np.float32)
    grid = Grid(SHAPE, (2.0, 3.0, 4.0), (1.0, 2.0, 3.0), tuple(np.ravel(direction)))
    return Study(Volume(values, grid, Quantity.SUV_BW, "pet.nii.gz"), None, "case 7")


def _labels() -> NDArray[Any]:
    return split_lesions(np.random.default_rng(2).random(SHAPE) < 0.06)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("cosines", [(1.0, 0, 0, 0, 1.0, 0), (-1.0, 0, 0, 0, 1.0, 0), OBLIQUE])
def test_lesions_are_read_back(
    tmp_path: Path, write_series: Callable[..., Any], cosines: Any, order: Any
) -> None:
    study = _study(write_series, tmp_path / "pet", cosines=cosines)
    labels = np.asarray(_labels(), order=order)
    write_lesion_seg(labels, study, tmp_path / "seg.dcm")
    np.testing.assert_array_equal(read_lesion_seg(tmp_path / "seg.dcm", study.grid), labels)


@pytest.mark.parametrize("flip", [False, True])
def test_highdicom_puts_each_segment_where_its_lesion_is(tmp_path: Path, flip: bool) -> None:
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    turn[:, 2] *= -1 if flip else 1
    study, labels = _from_arrays(direction=turn), _labels()
    write_lesion_seg(labels, study, tmp_path / "seg.dcm")
    seg = highdicom.seg.segread(tmp_path / "seg.dcm")
    for number in seg.segment_numbers:
        volume = seg.get_volume(
            segment_numbers=[number], combine_segments=True, allow_missing_positions=True
        )
        index = np.argwhere(volume.array)
        points = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
        expected = study.grid.to_world(np.argwhere(labels == number))
        assert len(points) == len(expected)
        key = [p[np.lexsort(p.round(3).T)] for p in (points, expected)]
        np.testing.assert_allclose(key[0], key[1], atol=1e-4)


def test_frames_only_where_a_lesion_meets_a_slice(
    tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    study, labels = _study(write_series, tmp_path / "pet"), _labels()
    write_lesion_seg(labels, study, tmp_path / "seg.dcm")
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    met = sum((labels == n).any(axis=(0, 1)).sum() for n in range(1, labels.max() + 1))
    assert seg.NumberOfFrames == met < labels.max() * SHAPE[2]
    assert seg.SegmentationType == "BINARY"


def test_segments_name_lesion_algorithm_and_tracking(
    tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    study, labels = _study(write_series, tmp_path / "pet"), _labels()
    write_lesion_seg(labels, study, tmp_path / "seg.dcm", algorithm="propagate", version="1.2")
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    segments = seg.SegmentSequence
    assert [s.SegmentNumber for s in segments] == list(range(1, labels.max() + 1))
    assert [s.SegmentLabel for s in segments] == [s.TrackingID for s in segments]
    assert segments[1].TrackingID == "Lesion 2"
    assert len({s.TrackingUID for s in segments}) == labels.max()
    for segment in segments:
        identity = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert (identity.AlgorithmName, identity.AlgorithmVersion) == ("propagate", "1.2")
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "52988006"
    first = pydicom.dcmread(study.provenance.pet_files[0])
    assert seg.StudyInstanceUID == first.StudyInstanceUID
    assert seg.FrameOfReferenceUID == first.FrameOfReferenceUID
    assert seg.PatientName == first.PatientName
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == first.SeriesInstanceUID
    assert "not DICOM" not in seg.SeriesDescription


def test_study_that_was_not_dicom_gets_the_same_uids_each_time(tmp_path: Path) -> None:
    labels = _labels()
    for name, study in {"a": _from_arrays(), "b": _from_arrays(), "c": _from_arrays(2)}.items():
        write_lesion_seg(labels, study, tmp_path / f"{name}.dcm", algorithm="x" * 64)
    a, b, c = (pydicom.dcmread(tmp_path / f"{name}.dcm") for name in "abc")
    assert a.StudyInstanceUID == b.StudyInstanceUID != c.StudyInstanceUID
    assert a.FrameOfReferenceUID == b.FrameOfReferenceUID != c.FrameOfReferenceUID
    assert a.SOPInstanceUID == b.SOPInstanceUID != c.SOPInstanceUID
    assert a.SeriesDescription.endswith("source not DICOM, UIDs generated")
    assert len(a.SeriesDescription) == 64
    assert (a.PatientID, str(a.PatientName)) == ("", "")
    np.testing.assert_array_equal(read_lesion_seg(tmp_path / "a.dcm", _from_arrays().grid), labels)


def test_same_lesions_are_the_same_object(tmp_path: Path, write_series: Callable[..., Any]) -> None:
    """A report refers to a SEG that may be exported again; another mask is another object."""
    study, labels = _study(write_series, tmp_path / "pet"), _labels()
    other = np.where(labels == labels.max(), 0, labels)
    for name, lesions in {"a": labels, "b": np.ascontiguousarray(labels), "c": other}.items():
        write_lesion_seg(lesions, study, tmp_path / f"{name}.dcm")
    write_lesion_seg(labels, study, tmp_path / "d.dcm", algorithm="threshold")
    a, b, c, d = (pydicom.dcmread(tmp_path / f"{name}.dcm") for name in "abcd")
    assert a.SOPInstanceUID == b.SOPInstanceUID
    assert a.SegmentSequence[0].TrackingUID == b.SegmentSequence[0].TrackingUID
    assert len({a.SOPInstanceUID, c.SOPInstanceUID, d.SOPInstanceUID}) == 3
    assert len({a.SeriesInstanceUID, c.SeriesInstanceUID, d.SeriesInstanceUID}) == 3
    assert a.SegmentSequence[0].TrackingUID != c.SegmentSequence[0].TrackingUID


def test_series_may_be_elsewhere(tmp_path: Path, write_series: Callable[..., Any]) -> None:
    """A study of converted files refers to the DICOM series in the folder that is named."""
    own = _study(write_series, tmp_path / "pet")
    converted = Study(own.pet, None, "case 7")
    write_lesion_seg(_labels(), converted, tmp_path / "seg.dcm", source=tmp_path / "pet")
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    first = pydicom.dcmread(own.provenance.pet_files[0])
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == first.SeriesInstanceUID
    assert "not DICOM" not in seg.SeriesDescription


def test_series_on_another_grid_is_refused(
    tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    _study(write_series, tmp_path / "pet")
    with pytest.raises(InputError, match="does not fit"):
        write_lesion_seg(_labels(), _from_arrays(), tmp_path / "x.dcm", source=tmp_path / "pet")
    assert not (tmp_path / "x.dcm").exists()


def test_files_that_are_gone_are_refused(tmp_path: Path, write_series: Callable[..., Any]) -> None:
    study = _study(write_series, tmp_path / "pet")
    (tmp_path / "pet").rename(tmp_path / "moved")
    with pytest.raises(InputError, match="cannot read"):
        write_lesion_seg(_labels(), study, tmp_path / "seg.dcm")
    write_lesion_seg(_labels(), study, tmp_path / "seg.dcm", source=tmp_path / "moved")


def test_no_lesion_says_that_the_study_was_searched(
    tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    study = _study(write_series, tmp_path / "pet")
    write_lesion_seg(np.zeros(SHAPE, np.uint16), study, tmp_path / "seg.dcm")
    assert [s.label for s in list_segments(tmp_path / "seg.dcm")] == ["Lesion"]
    assert pydicom.dcmread(tmp_path / "seg.dcm").NumberOfFrames == SHAPE[2]
    assert not read_lesion_seg(tmp_path / "seg.dcm", study.grid).any()


def test_more_lesions_than_a_byte_counts(tmp_path: Path) -> None:
    shape = (40, 36, 10)
    mask = np.zeros(shape, dtype=bool)
    mask[::3, ::3, ::4] = True
    grid = Grid(shape, (2.0, 3.0, 4.0))
    values = np.random.default_rng(1).random(shape)
    study = Study(Volume(values, grid, Quantity.SUV_BW), None, "case")
    labels = split_lesions(mask)
    assert labels.max() == 504
    write_lesion_seg(labels, study, tmp_path / "seg.dcm")
    np.testing.assert_array_equal(read_lesion_seg(tmp_path / "seg.dcm", grid), labels)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((3, 3, 3), np.uint8),
        np.zeros(SHAPE),
        np.full(SHAPE, 2, np.uint8),
        np.full(SHAPE, -1, np.int8),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, bad: Any) -> None:
    with pytest.raises(InputError):
        write_lesion_seg(bad, _from_arrays(), tmp_path / "seg.dcm")
    assert not list(tmp_path.iterdir())


def test_segmentation_made_elsewhere_is_split(tmp_path: Path) -> None:
    """One segment with everything becomes lesions; chosen segments leave the others out."""
    study = _from_arrays()
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[1:3, 1:3, 1] = mask[6:9, 5:8, 3:5] = 1
    mask[3, 1, 1] = 2
    write_lesion_seg(mask, study, tmp_path / "seg.dcm")
    found = read_lesion_seg(tmp_path / "seg.dcm", study.grid)
    assert found[7, 6, 4] == 1
    assert found[1, 1, 1] == 2
    assert found[3, 1, 1] == 3  # touches lesion 2, but is a segment of its own
    assert read_lesion_seg(tmp_path / "seg.dcm", study.grid, segments=[2]).max() == 1
