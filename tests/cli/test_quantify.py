"""``lesionloop quantify``: one study, a data set, resume, organ maps and refusals."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Cli = Callable[..., Any]

LABELS = {"1": "liver", "2": "Kidneys"}


def organs(small: Any) -> Any:
    values = np.zeros(small.shape, dtype=np.uint8)
    values[5:16, 5:17, 3:15] = 1
    values[17:21, 5:10, 3:8] = 2
    return values


def maps(small: Any, folder: Path, *names: str) -> Path:
    for name in names or (small.name,):
        small.write(folder / f"{name}.nii.gz", organs(small))
    (folder / "labels.json").write_text(json.dumps(LABELS))
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_one_study(cli: Cli, files: Any, small: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    organ_map = maps(small, tmp_path / "maps") / f"{small.name}.nii.gz"
    outcome = cli(
        "quantify", "--ct", files.ct, "--pet", files.pet, "--mask", files.label, "--organs",
        organ_map, "--out", out, "--json", "--weight-kg", 80, "--height-cm", 200, "--sex", "male",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    (record,) = json.loads(outcome.out)["studies"]
    folder = out / small.name
    assert record == json.loads((folder / "burden.json").read_text())
    label = small.label().astype(bool)
    assert record["totals"]["mtv_ml"] == pytest.approx(label.sum() * 0.12)
    assert record["totals"]["lesions"] == 2
    apart = (np.array([12, 10, 9]) - [7, 14, 5]) * small.spacing
    assert record["totals"]["dmax_mm"] == pytest.approx(np.linalg.norm(apart))
    assert record["totals"]["suv_mean"] == pytest.approx(small.pet()[label].mean(), rel=1e-5)
    kept = label & (small.pet() >= 4.0)
    assert record["thresholds"]["fixed_4"]["mtv_ml"] == pytest.approx(kept.sum() * 0.12)
    assert set(record["thresholds"]) == {"fixed_4", "percent_41", "percent_50", "liver"}
    assert record["reference_regions"]["liver"]["ok"] is False
    assert record["reference_regions"]["liver"]["mean"] is None
    assert record["thresholds"]["liver"]["mtv_ml"] is None
    assert "No sphere" in record["thresholds"]["liver"]["why"]
    assert record["helpers"]["percist"]["quantity"] == "SUL"
    assert any("Reference liver" in text for text in record["notes"])
    lesions = rows(folder / "lesions.csv")
    assert all(float(entry["largest_diameter_mm"]) > 4 for entry in lesions)
    assert [entry["location"] for entry in lesions] == ["liver", "liver"]
    assert float(lesions[0]["volume_ml"]) > float(lesions[1]["volume_ml"])
    organ_rows = rows(folder / "organs.csv")
    assert [entry["organ"] for entry in organ_rows] == ["liver", "kidney"]
    assert float(organ_rows[0]["suv_max"]) < 2  # the lesion of SUV 9 is left out
    assert float(organ_rows[0]["lesion_ml"]) > record["totals"]["mtv_ml"]
    assert float(organ_rows[1]["volume_ml"]) == pytest.approx(4 * 5 * 5 * 0.12)
    assert float(organ_rows[1]["eroded_mm"]) == 0
    assert not (out / "burden.csv").exists()


def test_without_an_organ_map(cli: Cli, files: Any, small: Any, tmp_path: Path) -> None:
    outcome = cli("quantify", "--pet", files.pet, "--mask", files.label, "--out", tmp_path / "o")
    assert outcome.code == 0, outcome.err
    assert small.name in outcome.out
    record = json.loads((tmp_path / "o" / small.name / "burden.json").read_text())
    assert any("No organ map" in text for text in record["notes"])
    assert rows(tmp_path / "o" / small.name / "organs.csv") == []
    assert rows(tmp_path / "o" / small.name / "lesions.csv")[0]["location"] == ""


def test_an_empty_mask(cli: Cli, files: Any, small: Any, tmp_path: Path) -> None:
    empty = small.write(tmp_path / "empty.nii.gz", np.zeros(small.shape, np.uint8))
    outcome = cli("quantify", "--pet", files.pet, "--mask", empty, "--out", tmp_path / "o")
    assert outcome.code == 0, outcome.err
    record = json.loads((tmp_path / "o" / small.name / "burden.json").read_text())
    assert record["totals"]["mtv_ml"] == 0
    assert record["totals"]["suv_max"] is record["totals"]["dmax_mm"] is None
    assert any("mask is empty" in text for text in record["notes"])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_data_set_and_its_tables(cli: Cli, small: Any, tmp_path: Path, workers: int) -> None:
    names = ("fdg_a.1", "psma_b 2")
    dataset = small.dataset(tmp_path / "data", *names)
    folder, out = maps(small, tmp_path / "maps", *names), tmp_path / "out"
    outcome = cli(
        "quantify", dataset, "--organs", folder, "--out", out, "--workers", workers, "--parquet"
    )
    assert outcome.code == 0, outcome.err
    burden = rows(out / "burden.csv")
    assert [(row["study"], row["tracer"]) for row in burden] == [
        ("fdg_a.1", "fdg"), ("psma_b 2", "psma"),
    ]  # fmt: skip
    assert float(burden[0]["mtv_ml"]) == pytest.approx(small.label().sum() * 0.12)
    assert burden[0]["liver_mean"] == ""
    assert float(burden[0]["mtv_fixed_4_ml"]) <= float(burden[0]["mtv_ml"])
    uptake = rows(out / "organs.csv")
    assert [(row["study"], row["organ"]) for row in uptake] == [
        (name, organ) for name in names for organ in ("liver", "kidney")
    ]
    from pyarrow import parquet

    table = parquet.read_table(out / "organs.parquet").to_pylist()
    assert [row["suv_mean"] for row in table] == [float(row["suv_mean"]) for row in uptake]
    assert parquet.read_table(out / "burden.parquet").to_pylist()[0]["liver_mean"] is None


def test_it_goes_on_where_it_was(cli: Cli, small: Any, tmp_path: Path) -> None:
    """What is done with the same files and options stays; what changed is done again."""
    names = ("fdg_a", "fdg_b")
    dataset = small.dataset(tmp_path / "data", *names)
    masks, out = tmp_path / "masks", tmp_path / "out"
    for name in names:
        small.write(masks / f"{name}.nii.gz", small.mask())
    records = [out / name / "burden.json" for name in names]

    def times() -> list[int]:
        outcome = cli("quantify", dataset, "--masks", masks, "--out", out)
        assert outcome.code == 0, outcome.err
        return [path.stat().st_mtime_ns for path in records]

    first = times()
    tables = (out / "burden.csv").read_text()
    assert times() == first
    assert (out / "burden.csv").read_text() == tables
    small.write(masks / "fdg_b.nii.gz", small.label())
    (same, other) = times()
    assert same == first[0]
    assert other > first[1]
    volume = small.label().sum() * 0.12
    assert float(rows(out / "burden.csv")[1]["mtv_ml"]) == pytest.approx(volume)


def test_a_bad_case_does_not_stop_the_others(cli: Cli, small: Any, tmp_path: Path) -> None:
    dataset = small.dataset(tmp_path / "data", "fdg_a", "fdg_b")
    (dataset / "imagesTr" / "fdg_a_0001.nii.gz").write_bytes(b"no image")
    outcome = cli("quantify", dataset, "--out", tmp_path / "out", "--json")
    assert outcome.code == 2
    result = json.loads(outcome.out)
    assert [record["study"] for record in result["studies"]] == ["fdg_b"]
    assert list(result["failed"]) == ["fdg_a"]
    assert [row["study"] for row in rows(tmp_path / "out" / "burden.csv")] == ["fdg_b"]
    (dataset / "imagesTr" / "fdg_b_0001.nii.gz").write_bytes(b"no image")
    outcome = cli("quantify", dataset, "--out", tmp_path / "none")
    assert outcome.code == 2
    assert not (tmp_path / "none" / "burden.csv").exists()


def test_refusals(refused: Callable[..., str], files: Any, small: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dataset = small.dataset(tmp_path / "data", "fdg_a")
    (tmp_path / "none").mkdir()
    one = ("quantify", "--ct", files.ct, "--pet", files.pet, "--mask", files.label, "--out", out)
    refused("quantify", "--pet", files.pet, "--out", out, says=("--mask",))
    refused("quantify", dataset, "--mask", files.label, "--out", out, says=("--mask", "data set"))
    refused(*one, "--baseline-pet", files.pet, says=("--baseline-mask",))
    refused(*one, "--masks", tmp_path, says=("--masks", "one study"))
    refused(*one, "--fixed-suv", -1, says=("above SUV 0",), one_line=True)
    refused(*one, "--sex", "x", says=("unknown sex",))
    refused(*one, "--height-cm", 1.8, says=("1.8 cm",))
    refused(*one, "--organs", files.label, says=("no names", "--organ-names"))
    refused(*one, "--organs", tmp_path / "x.nii.gz", "--organ-names", "totalsegmentator",
            says=("x.nii.gz", "There is no such file"))  # fmt: skip
    refused("quantify", dataset, "--masks", tmp_path / "none", "--out", out,
            says=("have no mask", "fdg_a"))  # fmt: skip
    refused("quantify", dataset, "--organs", files.label, "--out", out,
            says=("not a folder of organ maps",))  # fmt: skip


def test_a_follow_up(cli: Cli, files: Any, small: Any, tmp_path: Path) -> None:
    """The same body twice; the mask of the follow-up has one of the two lesions, and another."""
    out = tmp_path / "out"
    outcome = cli(
        "quantify", "--ct", files.ct, "--pet", files.pet, "--mask", files.mask, "--baseline-pet",
        files.pet, "--baseline-ct", files.ct, "--baseline-mask", files.label, "--out", out,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    record = json.loads((out / small.name / "follow_up.json").read_text())
    assert record["aligned_by"] == "ct"
    assert record["counts"] == {"matched": 1, "disappeared": 1, "appeared": 1}
    np.testing.assert_allclose(record["baseline_to_follow_up_mm"], np.eye(4), atol=0.2)
    assert [row["kind"] for row in rows(out / small.name / "follow_up.csv")] == [
        "matched", "disappeared", "appeared",
    ]  # fmt: skip


def test_totalsegmentator_is_asked_for_before_any_work(
    refused: Callable[..., str], files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(
        "quantify", "--pet", files.pet, "--mask", files.label, "--organs", "totalsegmentator",
        "--out", tmp_path / "out", says=("TotalSegmentator", "pip install"),
    )  # fmt: skip
