"""DICOM folders that cannot become a study."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import UID, JPEGLSLossless, RLELossless

Refused = Callable[..., str]
Writer = Callable[..., Any]


@pytest.fixture
def study(tmp_path: Path, write_series: Writer) -> Path:
    """A whole study: the tests below break one thing each."""
    write_series(tmp_path / "study a.b" / "PT")
    write_series(tmp_path / "study a.b" / "CT", modality="CT", count=9, step=2.0)
    return tmp_path / "study a.b"


@pytest.fixture
def refused_study(refused: Refused, tmp_path: Path) -> Callable[..., None]:
    """Both commands that read DICOM refuse the folder with the same message."""

    def run(folder: Path, *options: object, says: tuple[object, ...] = ()) -> None:
        out = tmp_path / "out"
        segment = ("segment", "--dicom", folder, "--out", out / "mask.nii.gz", *options)
        convert = ("convert", folder, out, *options)
        assert refused(*segment, says=says) == refused(*convert, says=says)

    return run


@pytest.mark.parametrize("left", [1, 131, 140, 400, -9, -1], ids=lambda left: f"{left} bytes")
@pytest.mark.parametrize("file", ["PT/PT002.dcm", "CT/CT008.dcm", "PT/PT004.dcm"])
def test_a_truncated_file(
    refused_study: Callable[..., None], study: Path, left: int, file: str
) -> None:
    bad = study / file
    bad.write_bytes(bad.read_bytes()[:left])
    refused_study(study, says=(bad.name,))


@pytest.mark.parametrize("content", [b"", b"case,suv\n1,2\n", bytes(4096)])
def test_files_that_are_no_dicom(
    refused_study: Callable[..., None], tmp_path: Path, content: bytes
) -> None:
    folder = tmp_path / "no dicom"
    folder.mkdir()
    (folder / "notes.txt").write_bytes(content)
    refused_study(folder, says=(folder, "no PET series"))


def test_an_empty_or_missing_folder(
    refused_study: Callable[..., None], refused: Refused, tmp_path: Path, study: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        refused_study(tmp_path / folder, says=(tmp_path / folder,))
        refused("inspect", tmp_path / folder, says=(tmp_path / folder,))
    refused_study(study / "PT" / "PT000.dcm", says=("It is a file",))
    refused("inspect", study / "PT" / "PT000.dcm", says=("It is a file",))


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ({"PatientWeight": None}, ("PatientWeight (0010,1030)", "--weight-kg")),
        ({"PatientWeight": "0"}, ("PatientWeight (0010,1030)", "--weight-kg")),
        ({"PatientWeight": "7000"}, ("PatientWeight (0010,1030)", "--weight-kg")),
        ({"RadiopharmaceuticalInformationSequence": []}, ("Radiopharm",)),
        ({"Units": "CNTS"}, ("CNTS",)),
        ({"RescaleSlope": None}, ("RescaleSlope (0028,1053)",)),
        ({"PixelSpacing": None}, ("PixelSpacing (0028,0030)",)),
        ({"PixelSpacing": [0, 2]}, ("PixelSpacing (0028,0030)",)),
        ({"PixelSpacing": [2, -2]}, ("PixelSpacing (0028,0030)",)),
        ({"ImageOrientationPatient": [1, 0, 0, 0.5, 1, 0]}, ("ImageOrientationPatient",)),
        ({"Rows": 7}, ("PT000.dcm", "truncated")),
    ],
    ids=str,
)
def test_a_pet_header_that_does_not_do(
    refused_study: Callable[..., None],
    write_series: Writer,
    tmp_path: Path,
    tags: dict[str, object],
    says: tuple[str, ...],
) -> None:
    write_series(tmp_path / "pet", tags=tags)
    refused_study(tmp_path / "pet", says=says)


def test_a_given_weight_is_the_way_out(
    cli: Callable[..., Any], write_series: Writer, tmp_path: Path
) -> None:
    write_series(tmp_path / "pet", tags={"PatientWeight": None})
    out = tmp_path / "mask.nii.gz"
    outcome = cli("segment", "--dicom", tmp_path / "pet", "--weight-kg", 70, "--out", out)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("weight", ["0", "-70", "nan", "inf", "7000"])
def test_a_given_weight_that_cannot_be(
    refused_study: Callable[..., None], study: Path, weight: str
) -> None:
    refused_study(study, "--weight-kg", weight, says=("weight",))


def test_two_pet_series(
    refused_study: Callable[..., None], study: Path, write_series: Writer, cli: Callable[..., Any]
) -> None:
    second = write_series(study / "PT2", tags={"SeriesDescription": "another PET AC"})
    refused_study(study, says=("2 PET series", "--pet-series", second.uid[-12:]))
    refused_study(study, "--pet-series", "nothing like it", says=("--pet-series", "another PET AC"))
    out = study.parent / "mask.nii.gz"
    outcome = cli("segment", "--dicom", study, "--pet-series", "another PET AC", "--out", out)
    assert outcome.code == 0, outcome.err


def test_ct_and_pet_of_two_patients_spaces_or_places(
    refused_study: Callable[..., None], study: Path, write_series: Writer
) -> None:
    ct = study / "CT"
    for change, says in (
        ({"tags": {"PatientID": "P2"}}, ("patients",)),
        ({"tags": {"FrameOfReferenceUID": "1.2.3.4"}}, ("FrameOfReferenceUID",)),
        ({"origin": (500.0, -20.0, 30.0)}, ("do not overlap", " mm")),
    ):
        for old in ct.iterdir():
            old.unlink()
        write_series(ct, modality="CT", count=9, step=2.0, **change)
        refused_study(study, says=says)


def test_a_missing_slice_is_named(refused_study: Callable[..., None], study: Path) -> None:
    (study / "PT" / "PT002.dcm").unlink()
    refused_study(study, says=("slices are missing", "8.00 mm", "1 missing"))


@pytest.mark.parametrize("value", [0, -5])
def test_an_empty_pet(
    refused_study: Callable[..., None], write_series: Writer, tmp_path: Path, value: int
) -> None:
    write_series(tmp_path / "pet", stored=np.full((5, 6, 7), value, dtype=np.int16))
    refused_study(tmp_path / "pet", says=("empty",))


@pytest.mark.parametrize("syntax", [JPEGLSLossless, RLELossless], ids=lambda uid: uid.name)
def test_damaged_compressed_pixels(
    refused_study: Callable[..., None], write_series: Writer, tmp_path: Path, syntax: UID
) -> None:
    """The decoders' own complaints, which are long, are not shown beside the message."""
    stored = np.random.default_rng(0).integers(0, 3000, (5, 40, 30)).astype(np.int16)
    for path in write_series(tmp_path / "pet", stored=stored).paths:
        dataset = dcmread(path)
        dataset.compress(syntax)
        dataset.save_as(path)
    bad = tmp_path / "pet" / "PT002.dcm"
    content = bytearray(bad.read_bytes())
    content[-1500:-500] = bytes(1000)
    bad.write_bytes(content)
    refused_study(tmp_path / "pet", says=(bad,))


def test_colour_pictures_are_no_pet(
    refused_study: Callable[..., None], write_series: Writer, tmp_path: Path
) -> None:
    def paint(_: int, dataset: Dataset) -> None:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
        dataset.PlanarConfiguration = 0
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation = 7, 0
        dataset.PixelData = bytes(3 * 6 * 7)

    write_series(tmp_path / "pet", edit=paint)
    refused_study(tmp_path / "pet", says=("PT000.dcm",))


def test_each_without_folders(refused: Refused, study: Path, tmp_path: Path) -> None:
    refused("convert", study / "PT", tmp_path / "out", "--each", says=(study / "PT", "--each"))
