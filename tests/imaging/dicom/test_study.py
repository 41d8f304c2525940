"""DICOM folder to study, synthetic and real."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from lesionloop.errors import InputError
from lesionloop.imaging.dicom import read_dicom_study
from lesionloop.imaging.volume import Quantity

Writer = Callable[..., Any]
FACTOR = 70_000 / (370e6 * 2 ** (-3600 / 6586.2))


@pytest.fixture
def pair(tmp_path: Path, write_series: Writer) -> Path:
    write_series(tmp_path / "case 1.a" / "PT")
    write_series(tmp_path / "case 1.a" / "CT", modality="CT", count=9, step=2.0)
    return tmp_path / "case 1.a"


def test_suv_study(pair: Path) -> None:
    study = read_dicom_study(pair)
    slice_2 = dcmread(pair / "PT" / "PT002.dcm")
    expected = slice_2.pixel_array[3, 4] * float(slice_2.RescaleSlope) * FACTOR
    assert study.pet.values[4, 3, 2] == pytest.approx(expected, rel=1e-6)
    assert study.pet.quantity is Quantity.SUV_BW
    assert (study.name, study.tracer) == ("case 1.a", "fdg")
    assert study.ct is not None
    assert study.ct.grid.agrees_with(study.pet.grid)
    native = study.native_ct()
    assert native is not None
    assert native.grid.shape == (7, 6, 9)
    assert len(study.provenance.pet_files) == 5
    assert study.provenance.facts["suv_factor"] == pytest.approx(FACTOR)
    assert "Secret" not in repr(study.provenance)


def test_activity_needs_no_weight(tmp_path: Path, write_series: Writer) -> None:
    written = write_series(tmp_path, tags={"PatientWeight": None, "RescaleSlope": "2"})
    with pytest.raises(InputError, match="--weight-kg"):
        read_dicom_study(tmp_path)
    study = read_dicom_study(tmp_path, quantity="bq-ml")
    assert study.pet.quantity is Quantity.BQ_ML
    np.testing.assert_array_equal(study.pet.values, written.stored.transpose(2, 1, 0) * 2.0)
    weighed = read_dicom_study(tmp_path, weight_kg=70)
    np.testing.assert_allclose(weighed.pet.values, study.pet.values * FACTOR, rtol=1e-6)


def test_pet_alone_says_so(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path)
    study = read_dicom_study(tmp_path, name="n", tracer="psma")
    assert study.ct is None
    assert study.native_ct() is None
    assert (study.name, study.tracer) == ("n", "psma")
    assert any("no CT" in note for note in study.provenance.notes)


def test_ct_can_be_left_out(pair: Path) -> None:
    assert read_dicom_study(pair, ct_series="none").ct is None


def test_uncorrected_decay_is_scaled_slice_by_slice(tmp_path: Path, write_series: Writer) -> None:
    def bed(index: int, ds: Any) -> None:
        ds.AcquisitionTime = "100000" if index < 3 else "101000"

    tags = {
        "DecayCorrection": "NONE",
        "CorrectedImage": ["ATTN"],
        "ActualFrameDuration": "2",
        "RescaleSlope": "1",
    }
    written = write_series(tmp_path, tags=tags, edit=bed, step=-4.0)
    values = read_dicom_study(tmp_path).pet.values
    first = values[2, 2, 4] / written.stored[0, 2, 2]
    last = values[2, 2, 0] / written.stored[4, 2, 2]
    assert first == pytest.approx(FACTOR, rel=1e-6)
    assert last / first == pytest.approx(2 ** (600 / 6586.2), rel=1e-6)


def test_truncated_file_is_refused_by_name(pair: Path) -> None:
    victim = pair / "PT" / "PT004.dcm"
    victim.write_bytes(victim.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"PT004\.dcm"):
        read_dicom_study(pair)


def test_destroyed_end_slice_is_refused_by_name(pair: Path) -> None:
    victim = pair / "PT" / "PT004.dcm"
    victim.write_bytes(victim.read_bytes()[:200])
    with pytest.raises(InputError, match=r"PT004\.dcm"):
        read_dicom_study(pair)


def test_no_dicom_and_all_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="no PET series"):
        read_dicom_study(tmp_path)
    (tmp_path / "a.dcm").write_text("x" * 200)
    with pytest.raises(InputError, match=r"a\.dcm"):
        read_dicom_study(tmp_path)


def test_ct_far_away_is_refused(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "PT")
    write_series(tmp_path / "CT", modality="CT", origin=(500.0, 0.0, 30.0))
    with pytest.raises(InputError, match="do not overlap"):
        read_dicom_study(tmp_path)


def test_unknown_quantity(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown quantity"):
        read_dicom_study(tmp_path, quantity="counts")


def test_series_can_be_sent_to_another_process(pair: Path) -> None:
    study = read_dicom_study(pair)
    loader = pickle.loads(pickle.dumps(study.load_native_ct))  # noqa: S301  (our own bytes)
    assert loader().grid.shape == (7, 6, 9)


@pytest.fixture(scope="module")
def real(shared: Path) -> Path:
    folder = shared / "data" / "petct-dicom"
    if not folder.is_dir():
        pytest.skip("the development study is not there")
    return folder


@pytest.mark.slow
def test_real_study(real: Path) -> None:
    study = read_dicom_study(real)
    facts, notes = study.provenance.facts, "\n".join(study.provenance.notes)
    factor = float(facts["suv_factor"] or 0)
    assert factor == pytest.approx(0.00042111007, abs=5e-12)
    assert facts["rwv_suv_factor"] == 0.00042111
    assert facts["rwv_agrees"] is True
    assert notes.count("agrees with the computed") == 2
    assert "833547" in notes
    assert 'not PT "PET NAC"' in notes
    assert "3.27 to 3.29 mm" in notes
    assert study.pet.grid.shape == (128, 128, 135)
    assert study.pet.grid.spacing == pytest.approx((4.6875, 4.6875, 3.2703), abs=1e-4)
    assert float(study.pet.values.max()) == pytest.approx(51.1, abs=0.05)
    assert study.tracer == "fdg"
    assert study.ct is not None
    assert float(study.ct.values.min()) >= -1024
    # Independent: slice by slice with pydicom alone, from the feet.
    planes = sorted(
        (dcmread(p) for p in (real / "PET_AC").iterdir()), key=lambda d: d.ImagePositionPatient[2]
    )
    for k in (0, 44, 134):
        plane = planes[k].pixel_array * float(planes[k].RescaleSlope) * factor
        np.testing.assert_allclose(study.pet.values[:, :, k], plane.T, rtol=1e-6)


@pytest.mark.slow
def test_real_tumour(real: Path) -> None:
    """SUVmax of the segment that was drawn around the hilar tumour alone."""
    seg = dcmread(next((real / "SEG_on_PET_grid_504365").iterdir()))
    study = read_dicom_study(real, ct_series="none")
    hottest = 0.0
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    for frame, groups in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber != 1 or not frame.any():
            continue
        place = groups.PlanePositionSequence[0].ImagePositionPatient
        index = study.pet.grid.to_index([float(v) for v in place])
        k = round(float(index[2]))
        hottest = max(hottest, float(study.pet.values[:, :, k][frame.T > 0].max()))
    assert hottest == pytest.approx(42.2, abs=0.05)


@pytest.mark.slow
def test_real_nac_is_refused_for_suv(real: Path) -> None:
    with pytest.raises(InputError, match="PROPCNTS"):
        read_dicom_study(real, pet_series="PET NAC", ct_series="none")


@pytest.mark.slow
def test_real_gap_and_truncation(real: Path, tmp_path: Path) -> None:
    shutil.copytree(real / "PET_AC", tmp_path / "pet")
    files = sorted((tmp_path / "pet").iterdir())
    whole = files[60].read_bytes()
    files[60].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=files[60].name):
        read_dicom_study(tmp_path)
    files[60].unlink()
    with pytest.raises(InputError, match=r"6\.54 mm between .* 1 missing"):
        read_dicom_study(tmp_path)
