"""``lesionloop report``: from quantities to texts, page, JSON and DICOM SR."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from lesionloop.imaging import Quantity, Volume, write_volume
from lesionloop.imaging.dicom import read_dicom_study

Cli = Callable[..., Any]
REPORT = {"report.json", "report.en.txt", "report.zh.txt", "report.html"}


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def data(small: Any, tmp_path: Path) -> Path:
    """A data set of two cases with a liver that holds one lesion, and its quantities beside it."""
    dataset = Path(small.dataset(tmp_path / "data", "fdg_one", "fdg_two"))
    liver = np.zeros(small.shape, dtype=np.uint8)
    liver[8:20, 5:17, 5:14] = 1
    for name in ("fdg_one", "fdg_two"):
        small.write(tmp_path / "maps" / f"{name}.nii.gz", liver)
    (tmp_path / "maps" / "labels.json").write_text('{"liver": 1}')
    return dataset


@pytest.fixture
def quantified(data: Path, cli: Cli, tmp_path: Path) -> Path:
    out = tmp_path / "quantities"
    assert cli("quantify", data, "--organs", tmp_path / "maps", "--out", out).code == 0
    return out


def test_a_folder_of_studies(cli: Cli, quantified: Path, tmp_path: Path) -> None:
    out = tmp_path / "reports"
    done = cli("report", quantified, "--out", out, "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert [entry["study"] for entry in result["studies"]] == ["fdg_one", "fdg_two"]
    assert result["failed"] == {}
    assert result["studies"][0]["lesions"] == 2
    assert result["studies"][0]["organs"]["normal"] == 0
    for name in ("fdg_one", "fdg_two"):
        assert _names(out / name) == REPORT
    text = (out / "fdg_one" / "report.en.txt").read_text()
    assert "- Lesions: 2;" in text
    assert "largest diameter not assessed" not in text
    assert "病灶数：2；" in (out / "fdg_one" / "report.zh.txt").read_text()  # noqa: RUF001


def test_a_second_run_keeps_what_is_there(cli: Cli, quantified: Path, tmp_path: Path) -> None:
    out = tmp_path / "reports"
    cli("report", quantified, "--out", out)
    page, other = out / "fdg_one" / "report.html", out / "fdg_two" / "report.html"
    before = page.stat().st_mtime_ns, other.stat().st_mtime_ns
    table = quantified / "fdg_two" / "organs.csv"
    table.write_text(table.read_text().replace("liver", "spleen"))
    assert cli("report", quantified, "--out", out).code == 0
    assert page.stat().st_mtime_ns == before[0]
    assert other.stat().st_mtime_ns > before[1]
    page.unlink()
    assert cli("report", quantified, "--out", out).code == 0
    assert page.is_file()


def test_one_language_and_one_study(cli: Cli, quantified: Path, tmp_path: Path) -> None:
    out = tmp_path / "reports"
    cli("report", quantified, "--out", out)
    done = cli("report", quantified, "--out", out, "--lang", "zh", "--study", "fdg_one")
    assert done.code == 0, done.err
    assert _names(out / "fdg_one") == REPORT - {"report.en.txt"}
    assert _names(out / "fdg_two") == REPORT
    page = (out / "fdg_one" / "report.html").read_text()
    assert 'lang="zh"' in page
    assert "Lesion 1" not in page


def test_images_give_picture_and_diameters(
    cli: Cli, quantified: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "reports"
    done = cli("report", quantified, "--data", data, "--out", out, "--workers", 2)
    assert done.code == 0, done.err
    folder = out / "fdg_one"
    record = json.loads((folder / "report.json").read_text())
    numbers = {n["name"]: n for n in record["lesions"][0]["sentence"]["numbers"]}
    assert numbers["diameter"]["how"] == "measured"
    assert 20 < numbers["diameter"]["value"] < 40
    assert "data:image/png" in (folder / "report.html").read_text()
    one = tmp_path / "one"
    case = ("--pet", data / "imagesTr/fdg_one_0001.nii.gz",
            "--mask", data / "labelsTr/fdg_one.nii.gz")  # fmt: skip
    assert cli("report", quantified / "fdg_one", *case, "--out", one).code == 0
    assert (one / "fdg_one" / "report.en.txt").read_text() == (folder / "report.en.txt").read_text()


def test_another_mask_is_refused(cli: Cli, quantified: Path, files: Any, tmp_path: Path) -> None:
    out = tmp_path / "reports"
    done = cli("report", quantified / "fdg_one", "--pet", files.pet, "--mask", files.mask,
               "--out", out)  # fmt: skip
    assert done.code == 2
    assert "is not the one" in done.err
    assert not (out / "fdg_one").exists()


def test_a_damaged_study_does_not_stop_the_others(
    cli: Cli, quantified: Path, tmp_path: Path
) -> None:
    (quantified / "fdg_one" / "lesions.csv").write_text("lesion\n")
    done = cli("report", quantified, "--out", tmp_path / "reports", "--json")
    assert done.code == 2
    assert "lesions.csv" in json.loads(done.out)["failed"]["fdg_one"]
    assert _names(tmp_path / "reports") == {"fdg_two"}


def test_rules_of_ones_own(cli: Cli, quantified: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        'name = "mine"\n[[organ]]\nid = "liver"\nregion = "abdomen"\nnames = ["liver"]\n'
    )
    out = tmp_path / "reports"
    assert cli("report", quantified, "--rules", rules, "--out", out).code == 0
    record = json.loads((out / "fdg_one" / "report.json").read_text())
    assert record["rules"] == "mine"
    assert sum(len(region["organs"]) for region in record["findings"]) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere",), "holds no quantities"),
        (("{q}", "--study", "three"), "no study three"),
        (("{q}", "--tracer", "choline"), "choline"),
        (("{q}", "--rules", "nowhere.toml"), "nowhere.toml"),
        (("{q}", "--masks", "folder"), "--data"),
        (("{q}", "--mask", "m.nii.gz"), "--pet"),
        (("{q}", "--pet", "p.nii.gz", "--mask", "m.nii.gz"), "one study"),
        (("{q}/fdg_one", "--pet", "p.nii.gz", "--mask", "m.nii.gz"), "m.nii.gz"),
        (("{q}", "--pet", "p", "--dicom", "d", "--mask", "m"), "either"),
        (("{q}", "--pet", "p", "--mask", "m", "--reader", "A"), "--dicom"),
        (("{q}", "--data", "d", "--mask", "m"), "--mask"),
    ],
)
def test_refusals(
    refused: Cli, quantified: Path, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    words = [word.format(q=quantified) for word in arguments]
    refused("report", *words, "--out", tmp_path / "reports", says=(says,))


def test_a_dicom_study_gets_seg_and_sr(cli: Cli, write_series: Cli, tmp_path: Path) -> None:
    write_series(tmp_path / "study" / "PT")
    study = read_dicom_study(tmp_path / "study")
    mask = (study.pet.values > np.percentile(study.pet.values, 95)).astype(np.uint8)
    write_volume(Volume(mask, study.grid, Quantity.LABEL), tmp_path / "mask.nii.gz")
    one = ("--dicom", tmp_path / "study", "--mask", tmp_path / "mask.nii.gz")
    assert cli("quantify", *one, "--out", tmp_path / "q").code == 0
    out = tmp_path / "reports"
    done = cli("report", tmp_path / "q", *one, "--reader", "Reader^One", "--out", out)
    assert done.code == 0, done.err
    (folder,) = out.iterdir()
    assert _names(folder) == REPORT | {"lesions.seg.dcm", "report.sr.dcm"}
    tree = pydicom.dcmread(folder / "report.sr.dcm").to_json()
    record = json.loads((folder / "report.json").read_text())
    assert record["lesions"]
    for entry in record["lesions"]:
        numbers = {n["name"]: n["value"] for n in entry["sentence"]["numbers"]}
        assert repr(numbers["suv_max"]) in tree
    # Without a reader nobody answers for it.
    assert cli("report", tmp_path / "q", *one, "--out", out).code == 0
    assert _names(folder) == REPORT
