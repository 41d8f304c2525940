"""``lesionloop segment``: one mask for a study and its scribbles."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

Cli = Callable[..., Any]


def _strict_json(text: str) -> Any:
    """One JSON document and nothing else; NaN and Infinity are not JSON."""

    def refuse(token: str) -> None:
        raise ValueError(token)

    return json.loads(text, parse_constant=refuse)


def _mask(path: Path) -> NDArray[Any]:
    """Voxels [x, y, z] by SimpleITK, whatever the format."""
    values: NDArray[Any] = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T
    return values


@pytest.fixture
def dicom(tmp_path: Path, write_series: Callable[..., Any], small: Any) -> Path:
    """The small study as DICOM, with one slope for all slices."""
    folder = tmp_path / "study 1.a"
    counts = np.clip(small.pet() * 3000, 0, 32000).astype(np.int16).T  # [slice, row, column]
    slope = {"RescaleSlope": "1.2"}
    write_series(folder / "PT", stored=counts, pixel=(5.0, 4.0), step=6.0, tags=slope)
    ct = (small.ct().T + 1024).astype(np.int16)
    write_series(folder / "CT", modality="CT", stored=ct, pixel=(5.0, 4.0), step=6.0)
    return folder


def test_results_on_stdout_and_notes_on_stderr(cli: Cli, files: Any, tmp_path: Path) -> None:
    out = tmp_path / "out" / "mask.nii.gz"
    outcome = cli("segment", "--pet", files.pet, "--ct", files.ct, "--out", out)
    assert outcome.code == 0
    assert outcome.out == f"{out}\n"
    assert "ml in" in outcome.err
    assert sorted(path.name for path in out.parent.iterdir()) == ["mask.nii.gz"]


def test_json_is_one_strict_document(cli: Cli, files: Any, tmp_path: Path, small: Any) -> None:
    out = tmp_path / "mask.mha"
    outcome = cli("segment", "--pet", files.pet, "--ct", files.ct, "--out", out, "--json")
    result = _strict_json(outcome.out)
    voxels = int(_mask(out).sum())
    assert voxels > 0
    assert (result["out"], result["case"], result["voxels"]) == (str(out), small.name, voxels)
    assert result["volume_ml"] == pytest.approx(voxels * 4 * 5 * 6 / 1000, abs=1e-3)
    assert set(result["seconds"]) == {"read", "segment", "write"}
    assert outcome.err == ""


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".mha"])
def test_every_format_in_and_out(cli: Cli, small: Any, tmp_path: Path, ending: str) -> None:
    """The same mask, bytes of 0 and 1 on the grid of the PET."""
    pet = small.write(tmp_path / f"a_0001{ending}", small.pet())
    ct = small.write(tmp_path / f"a_0000{ending}", small.ct())
    out = tmp_path / f"mask{ending}"
    arguments = ("--segmenter", "propagate", "--out", out)  # whose mask of a hot ball is the ball
    assert cli("segment", "--pet", pet, "--ct", ct, *arguments).code == 0
    image, source = sitk.ReadImage(str(out)), sitk.ReadImage(str(pet))
    assert image.GetPixelIDTypeAsString() == "8-bit unsigned integer"
    assert image.GetSize() == source.GetSize()
    np.testing.assert_allclose(image.GetSpacing(), small.spacing)
    np.testing.assert_allclose(image.GetOrigin(), source.GetOrigin())
    np.testing.assert_allclose(image.GetDirection(), source.GetDirection())
    expected = small.ball((12, 10, 9), 2.6)
    np.testing.assert_array_equal(_mask(out), expected)


def test_scribbles_are_honoured(cli: Cli, files: Any, small: Any, tmp_path: Path) -> None:
    """A foreground point far from any uptake is in; a background point on the lesion is out."""
    out = tmp_path / "mask.nii.gz"
    inside, outside = (5, 15, 3), (12, 10, 9)
    first = cli("segment", "--pet", files.pet, "--out", out)
    assert first.code == 0
    before = _mask(out)
    assert (before[inside], before[outside]) == (0, 1)
    clicks = tmp_path / "clicks.json"
    for content in (
        {"tumor": [list(inside)], "background": [list(outside)]},
        {
            "version": {"major": 1, "minor": 0},
            "type": "Multiple points",
            "points": [
                {"point": list(inside), "name": "tumor"},
                {"point": list(outside), "name": "background"},
            ],
        },
    ):
        clicks.write_text(json.dumps(content))
        for segmenter in ("default", "propagate", "threshold"):
            arguments = ("--scribbles", clicks, "--segmenter", segmenter, "--out", out)
            outcome = cli("segment", "--pet", files.pet, *arguments)
            assert outcome.code == 0, outcome.err
            after = _mask(out)
            assert (after[inside], after[outside]) == (1, 0)


def test_options_reach_the_segmenter(cli: Cli, files: Any, small: Any, tmp_path: Path) -> None:
    out = tmp_path / "mask.nii.gz"
    fixed = ("segment", "--pet", files.pet, "--segmenter", "threshold", "--out", out)
    assert cli(*fixed, "-o", "level_suv=0.5").code == 0
    np.testing.assert_array_equal(_mask(out), small.pet() >= 0.5)
    assert cli(*fixed, "--option", "level-suv=8", "-o", "method=fixed").code == 0
    np.testing.assert_array_equal(_mask(out), small.pet() >= 8)


def test_a_missing_ct_is_said(cli: Cli, files: Any, tmp_path: Path) -> None:
    outcome = cli("segment", "--pet", files.pet, "--out", tmp_path / "mask.nii.gz", "--json")
    assert outcome.code == 0
    assert "no CT" in outcome.err
    assert "no CT" in " ".join(_strict_json(outcome.out)["notes"])


def test_a_ct_on_another_grid_is_taken_along(cli: Cli, small: Any, tmp_path: Path) -> None:
    pet = small.write(tmp_path / "a_0001.nii.gz", small.pet())
    finer = small.affine @ np.diag([0.5, 0.5, 0.5, 1.0])
    ct = tmp_path / "a_0000.nii.gz"
    nib.save(nib.Nifti1Image(np.kron(small.ct(), np.ones((2, 2, 2), np.int16)), finer), ct)
    out = tmp_path / "mask.nii.gz"
    assert cli("segment", "--pet", pet, "--ct", ct, "--out", out).code == 0
    assert _mask(out).shape == small.shape


def test_the_same_input_gives_the_same_bytes(cli: Cli, files: Any, tmp_path: Path) -> None:
    out = tmp_path / "mask.mha"
    contents = set()
    for _ in range(2):
        assert cli("segment", "--pet", files.pet, "--ct", files.ct, "--out", out).code == 0
        contents.add(out.read_bytes())
    assert len(contents) == 1


def test_dicom_directly_and_through_conversion(cli: Cli, dicom: Path, tmp_path: Path) -> None:
    """The same mask; and the factor by hand: 70 kg over 370 MBq, an hour of F-18 later."""
    factor = 70_000 / (370e6 * 2 ** (-3600 / 6586.2))
    direct, converted = tmp_path / "direct.nii.gz", tmp_path / "converted.nii.gz"
    outcome = cli("segment", "--dicom", dicom, "--out", direct, "--json")
    assert outcome.code == 0, outcome.err
    facts = _strict_json(outcome.out)["facts"]
    assert facts["suv_factor"] == pytest.approx(factor, rel=1e-12)
    assert f"SUV = {factor:.5g} x PET values in BQML" in outcome.err
    assert "The injection has no date" in outcome.err
    assert cli("convert", dicom, tmp_path / "set").code == 0
    images = tmp_path / "set" / "imagesTr"
    pet, ct = images / "study 1.a_0001.nii.gz", images / "study 1.a_0000.nii.gz"
    stored = np.asarray(nib.load(pet).dataobj)
    counts = np.clip(_pet_of(dicom), 0, None)
    np.testing.assert_allclose(stored[:, :, 0], counts * 1.2 * factor, rtol=1e-6)
    # The header says which tracer it was; a file does not.
    arguments = ("segment", "--pet", pet, "--ct", ct, "--tracer", "fdg", "--out", converted)
    assert cli(*arguments).code == 0
    assert _mask(direct).any()
    np.testing.assert_array_equal(_mask(direct), _mask(converted))
    assert sitk.ReadImage(str(direct)).GetOrigin() == pytest.approx((-10, -20, 30))


def _pet_of(folder: Path) -> NDArray[Any]:
    """Stored values [x, y] of the first PET slice, by SimpleITK."""
    return _mask(folder / "PT" / "PT000.dcm")[:, :, 0] / 1.2


def test_a_dicom_seg_comes_back_voxel_for_voxel(cli: Cli, dicom: Path, tmp_path: Path) -> None:
    """Written by us, read by highdicom: the same voxels at the same places."""
    seg_file, nifti_file = tmp_path / "mask.dcm", tmp_path / "mask.nii.gz"
    for out in (seg_file, nifti_file):
        outcome = cli("segment", "--dicom", dicom, "--out", out)
        assert (outcome.code, outcome.out) == (0, f"{out}\n")
    volume = highdicom.seg.segread(seg_file).get_volume(combine_segments=True, relabel=True)
    image = sitk.ReadImage(str(nifti_file))
    expected = {
        image.TransformIndexToPhysicalPoint(tuple(int(i) for i in index))
        for index in np.argwhere(_mask(nifti_file))
    }
    places = volume.map_indices_to_reference(np.argwhere(volume.array))
    assert {tuple(place) for place in places.round(3)} == {
        tuple(np.round(place, 3)) for place in expected
    }


def test_a_dicom_seg_is_a_reference_and_a_starting_mask(
    cli: Cli, dicom: Path, tmp_path: Path
) -> None:
    seg, mask, again = (tmp_path / name for name in ("mask.dcm", "mask.nii.gz", "again.mha"))
    for out in (seg, mask):
        assert cli("segment", "--dicom", dicom, "--out", out).code == 0
    for prediction, reference in ((mask, seg), (seg, mask)):
        outcome = cli("score", "--prediction", prediction, "--reference", reference, "--json")
        assert outcome.code == 0, outcome.err
        assert _strict_json(outcome.out)["cases"][0]["dice"] == 1.0
    clicks = tmp_path / "clicks.json"
    arguments = ("--prediction", mask, "--reference", seg, "--strategy", "random", "--out", clicks)
    assert cli("simulate", *arguments).code == 0
    assert json.loads(clicks.read_text())["points"] == []  # no error, no scribble

    assert cli("segment", "--dicom", dicom, "--start", seg, "--out", again).code == 0
    np.testing.assert_array_equal(_mask(again), _mask(mask))
    missing = cli("segment", "--dicom", dicom, "--start", tmp_path / "no.dcm", "--out", again)
    assert missing.code == 2
    assert "no.dcm" in missing.err
    wrong = ("--segmenter", "threshold", "--start", seg, "--out", again)
    assert "no option 'start'" in cli("segment", "--dicom", dicom, *wrong).err


def test_a_dicom_study_without_ct(cli: Cli, dicom: Path, tmp_path: Path) -> None:
    for path in (dicom / "CT").iterdir():
        path.unlink()
    outcome = cli("segment", "--dicom", dicom, "--out", tmp_path / "mask.nii.gz")
    assert outcome.code == 0
    assert "no CT" in outcome.err


@pytest.mark.slow
def test_the_real_study(cli: Cli, shared: Path, tmp_path: Path) -> None:
    """PET AC of the development study: the factor of its own RWV object, the same mask both ways,
    and not the series that is not attenuation corrected."""
    study = shared / "data" / "petct-dicom"
    direct, converted = tmp_path / "direct.nii.gz", tmp_path / "converted.nii.gz"
    outcome = cli("segment", "--dicom", study, "--out", direct, "--json")
    assert outcome.code == 0, outcome.err
    facts = _strict_json(outcome.out)["facts"]
    assert facts["suv_factor"] == pytest.approx(0.00042111, rel=2e-5)
    assert facts["rwv_suv_factor"] == pytest.approx(0.00042111, rel=2e-5)
    assert cli("convert", study, tmp_path / "set", "--name", "a.b c").code == 0
    pet, ct = (tmp_path / "set" / "imagesTr" / f"a.b c_{n}.nii.gz" for n in ("0001", "0000"))
    arguments = ("segment", "--pet", pet, "--ct", ct, "--tracer", "fdg", "--out", converted)
    assert cli(*arguments).code == 0
    assert _mask(direct).any()
    np.testing.assert_array_equal(_mask(direct), _mask(converted))
    seg = tmp_path / "mask.dcm"
    assert cli("segment", "--dicom", study, "--out", seg).code == 0
    volume = highdicom.seg.segread(seg).get_volume(combine_segments=True, relabel=True)
    assert int((volume.array > 0).sum()) == int(_mask(direct).sum())


def test_a_region_keeps_the_mask_in_its_box(
    cli: Cli, files: Any, tmp_path: Path, small: Any
) -> None:
    region = np.zeros(small.shape, np.uint8)
    region[10:16, 8:14, 7:12] = 4
    place = small.write(tmp_path / "liver.nii.gz", region)
    points = {"tumor": [[2, 2, 2]], "background": []}
    (tmp_path / "clicks.json").write_text(json.dumps(points))
    words = (
        "segment", "--pet", files.pet, "--scribbles", tmp_path / "clicks.json",
        "--segmenter", "threshold", "-o", "level_suv=0.5",
    )  # fmt: skip
    out = tmp_path / "mask.nii.gz"
    assert cli(*words, "--out", out).code == 0
    whole = _mask(out)
    assert cli(*words, "--out", out, "--region", place).code == 0
    mask = _mask(out)
    box = (slice(9, 17), slice(7, 15), slice(6, 13))
    rest = mask.copy()
    rest[box] = 0
    assert mask[box].all()
    assert np.argwhere(rest).tolist() == [[2, 2, 2]]
    assert whole.sum() > mask.sum()
    assert cli(*words, "--out", out, "--region", place, "--region-margin", 0).code == 0
    assert _mask(out).sum() == (region > 0).sum() + 1
    assert cli(*words, "--out", out, "--region", place, "--region-only", "--json").code == 0
    np.testing.assert_array_equal(_mask(out) > 0, (region > 0) | (rest > 0))


def test_regions_that_are_refused(
    refused: Callable[..., str], files: Any, tmp_path: Path, small: Any
) -> None:
    region = small.write(tmp_path / "liver.nii.gz", small.label()[:, :, 1:])
    empty = small.write(tmp_path / "empty.nii.gz", np.zeros(small.shape, np.uint8))
    full = small.write(tmp_path / "full.nii.gz", small.label())
    words = (
        "segment", "--pet", files.pet, "--ct", files.ct, "--segmenter", "threshold",
        "--out", tmp_path / "o.mha",
    )  # fmt: skip
    refused(*words, "--region", region, says=("liver.nii.gz", "not on the same grid"))
    refused(*words, "--region", empty, says=("empty.nii.gz is empty",))
    refused(*words, "--region", tmp_path / "no.mha", says=("no.mha",))
    refused(*words, "--region", full, "--region-margin", -1, says=("from 0",), one_line=True)
    refused(*words, "--region", full, "--start", full, says=("to start from",))
    refused(*words, "--region-only", says=("goes with --region",))
