import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from lesionloop.datasets import find_pairs, recognise_layout
from lesionloop.errors import InputError

COLUMNS = "lesion_id,cog_bl,cog_propagated,cog_fu,img_id_bl,img_id_fu,topology_class\n"


def scan(make: Any, root: Path, patient: str, time: str, part: str, *, mask: bool = True) -> None:
    inputs = root / "inputsTr"
    stem = f"{patient}_{time}_img_{time}_img_{part}.nii.gz"
    make.write(inputs / stem, make.ct(int(part)), ct=True)
    if mask:
        label = np.zeros(make.ct_shape, np.uint8)
        label[3:5, 4:6, 5:9] = 1
        label[10:12, 4:6, 5:9] = 2
        folder = inputs if time == "BL" else root / "targetsTr"
        make.write(folder / f"{patient}_{time}_mask_{time}_img_{part}.nii.gz", label, ct=True)
    points = [{"name": "1", "point": [4.0, 5.0, 7.0]}, {"name": "2", "point": [11.0, 5.0, 7.0]}]
    (inputs / f"{patient}_{time}_{part}.json").write_text(json.dumps({"points": points}))


@pytest.fixture
def root(make: Any, tmp_path: Path) -> Path:
    """One patient with a table, whose head (01) was scanned at baseline only; one without table."""
    folder = tmp_path / "Longitudinal-CT"
    for time, part in (("BL", "00"), ("BL", "01"), ("FU", "00")):
        scan(make, folder, "0a09c8844b", time, part)
    (folder / "inputsTr" / "0a09c8844b.csv").write_text(
        COLUMNS + "1,4 5 7,4 5 7,4 5 7,0,0,UNCHANGED\n2,11 5 7,11 5 7,,1,0,DISAPPEARING\n"
    )
    scan(make, folder, "022", "BL", "00")
    scan(make, folder, "022", "FU", "00", mask=False)
    return folder


def test_pairs_follow_the_table_else_the_parts(root: Path) -> None:
    assert recognise_layout(root) == "longitudinal-ct"
    pairs = find_pairs(root)
    found = [
        (p.patient, p.baseline and p.baseline.part, p.follow_up and p.follow_up.part) for p in pairs
    ]
    assert found == [("022", 0, 0), ("0a09c8844b", 0, 0), ("0a09c8844b", 1, 0)]
    assert [len(pair.lesions) for pair in pairs] == [0, 1, 1]
    assert pairs[2].lesions[0]["topology_class"] == "DISAPPEARING"
    assert "no table" in pairs[0].notes[0]
    assert pairs[0].follow_up is not None
    assert pairs[0].follow_up.label is None


def test_parts_that_no_row_names_are_not_lost(make: Any, root: Path) -> None:
    scan(make, root, "0a09c8844b", "FU", "02")
    pairs = [pair for pair in find_pairs(root) if pair.patient == "0a09c8844b"]
    assert len(pairs) == 3
    assert pairs[2].baseline is None
    assert pairs[2].follow_up is not None
    assert pairs[2].follow_up.part == 2


def test_volumes_points_and_geometry(make: Any, root: Path) -> None:
    pair = find_pairs(root)[1]
    assert pair.follow_up is not None
    ct, label = pair.follow_up.read()
    oracle = sitk.ReadImage(str(pair.follow_up.ct))
    np.testing.assert_array_equal(ct.values, sitk.GetArrayFromImage(oracle).T)
    for index in ((0, 0, 0), (30, 5, 11)):
        expected = oracle.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(ct.grid.to_world(index), expected, atol=1e-3)
    assert label is not None
    assert set(np.unique(label.values)) == {0, 1, 2}
    points = pair.follow_up.read_points()
    assert set(points) == {"1", "2"}
    np.testing.assert_array_equal(points["2"], [11.0, 5.0, 7.0])


def test_a_damaged_table_falls_back_to_parts(root: Path) -> None:
    (root / "inputsTr" / "0a09c8844b.csv").write_bytes(b"\xff\xfe\x00")
    pairs = [pair for pair in find_pairs(root) if pair.patient == "0a09c8844b"]
    assert len(pairs) == 2
    assert "table is left out" in pairs[0].notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", '{"points": 3}', '{"points": [3]}', '{"points": [{"point": [1, 2]}]}',
        '{"points": [{"point": [1, 2, NaN]}]}', '{"points": [{"point": [1, 2, true]}]}',
        f'{{"points": [{{"point": [1, 2, 1{"0" * 400}]}}]}}', "[" * 100_000,
    ],
    ids=range(9),
)  # fmt: skip
def test_points_that_are_none(root: Path, text: str) -> None:
    scan_ = find_pairs(root)[0].baseline
    assert scan_ is not None
    assert scan_.points is not None
    scan_.points.write_text(text)
    with pytest.raises(InputError, match=r"022_BL_00\.json"):
        scan_.read_points()


def test_a_mask_on_another_grid_is_refused(make: Any, root: Path) -> None:
    make.write(root / "targetsTr" / "0a09c8844b_FU_mask_FU_img_00.nii.gz", make.label())
    pair = find_pairs(root)[1]
    assert pair.follow_up is not None
    with pytest.raises(InputError, match="not on the same grid"):
        pair.follow_up.read()


def test_a_link_to_elsewhere_is_refused(make: Any, root: Path, tmp_path: Path) -> None:
    ct = root / "inputsTr" / "022_BL_img_BL_img_00.nii.gz"
    ct.rename(tmp_path / "moved.nii.gz")
    ct.symlink_to(tmp_path / "moved.nii.gz")
    baseline = find_pairs(root)[0].baseline
    assert baseline is not None
    with pytest.raises(InputError, match="leads out of"):
        baseline.read()


def test_what_is_no_such_folder(tmp_path: Path) -> None:
    (tmp_path / "inputsTr").mkdir()
    with pytest.raises(InputError, match="not in the layout"):
        find_pairs(tmp_path)
