"""Two studies of one patient: alignment of a moved body, and who is whose lesion."""

import csv
import io
import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.phantom.study import Phantom, make_phantom
from lesionloop.quantification.follow_up import compare_studies, follow_up_csv, follow_up_record
from lesionloop.quantification.lean_mass import Physique
from lesionloop.quantification.rigid import Rigid, align_rigid

SHAPE, SPACING = (40, 30, 20), (4.0, 4.0, 5.0)
STILL = Rigid(np.eye(4))


def _turn(degrees: float, shift: tuple[float, float, float]) -> NDArray[np.float64]:
    a = np.deg2rad(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    matrix[:3, 3] = shift
    return matrix


def _moved(volume: Volume, matrix: NDArray[np.float64]) -> Volume:
    grid = Grid.from_affine(volume.grid.shape, matrix @ volume.grid.affine)
    return replace(volume, grid=grid)


@pytest.fixture(scope="module")
def body() -> Phantom:
    return make_phantom(seed=3, spacing=(6.0, 6.0, 6.0), field_mm=(480, 480, 480), lesions=4)


@pytest.mark.parametrize("with_ct", [True, False])
def test_a_moved_body_is_found_again(body: Phantom, *, with_ct: bool) -> None:
    """The same voxels, turned by 6 degrees and shifted by some cm in space."""
    matrix = _turn(6.0, (12.0, -9.0, 25.0))
    fixed = Study(body.pet, body.ct if with_ct else None, "a")
    ct = _moved(body.ct, matrix) if with_ct else None
    moving = Study(_moved(body.pet, matrix), ct, "b")
    found = align_rigid(fixed, moving)
    assert found.by == ("ct" if with_ct else "pet")
    points = fixed.grid.to_world(np.argwhere(body.reference.values))
    expected = points @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.linalg.norm(found.points(points) - expected, axis=1).max() < 4.0
    again = align_rigid(fixed, moving)
    np.testing.assert_allclose(found.matrix, again.matrix, rtol=0, atol=1e-4)
    label = _moved(body.reference, matrix)
    back = found.label_on(label, fixed.grid).values > 0
    same = body.reference.values > 0
    assert 2 * (back & same).sum() / (back.sum() + same.sum()) > 0.7


def _study(mask: NDArray[Any], uptake: float) -> Study:
    pet = np.full(SHAPE, 1.0, dtype=np.float32)
    pet[mask > 0] = uptake
    return Study(Volume(pet, Grid(SHAPE, SPACING), Quantity.SUV_BW), None, "case")


def _mask(*boxes: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Cubes by their first voxel and their side, each a lesion."""
    mask = np.zeros(SHAPE, dtype=np.uint8)
    for x, y, z, side in boxes:
        mask[x : x + side, y : y + side, z : z + side] = 1
    return mask


def test_stayed_came_and_went() -> None:
    before = _mask((2, 2, 2, 5), (20, 5, 5, 4), (30, 20, 10, 3), (5, 20, 12, 2))
    after = _mask((3, 2, 2, 5), (33, 22, 13, 2), (20, 20, 2, 3))
    found = compare_studies(_study(before, 10.0), before, _study(after, 5.0), after, rigid=STILL)
    big, near, gone, gone_too, new = found.changes
    # Sides of 5 overlap; sides of 3 and 2 lie apart by 2.5, 1.5 and 2.5 voxels of 4, 4 and 5 mm.
    assert (big.before, big.after, big.kind) == ((1,), (1,), "matched")
    assert big.volume_ml == pytest.approx((10.0, 10.0))
    assert big.suv_max == (10.0, 5.0)
    assert big.tlg == pytest.approx((100.0, 50.0))
    assert big.distance_mm == pytest.approx(4.0)
    assert near.kind == "matched"
    assert near.volume_ml[1] == pytest.approx(0.64)
    assert near.distance_mm == pytest.approx(np.linalg.norm([2.5 * 4, 1.5 * 4, 2.5 * 5]))
    assert (gone.kind, gone_too.kind, new.kind) == ("disappeared", "disappeared", "appeared")
    assert gone.volume_ml == pytest.approx((64 * 0.08, 0.0))
    assert gone.suv_max == (10.0, None)
    assert new.before == ()
    assert [len(found.of_kind(kind)) for kind in ("matched", "disappeared", "appeared")] == [
        2,
        2,
        1,
    ]
    assert found.percist.beyond_limits == "decrease"
    assert found.percist.percent == pytest.approx(-50.0, abs=0.5)
    assert found.quantity == "SUVbw"
    record = follow_up_record(found, "before", "after")
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["counts"] == {"matched": 2, "disappeared": 2, "appeared": 1}
    assert record["changes"][0]["volume_ml_percent"] == pytest.approx(0.0)
    assert record["changes"][0]["suv_max_percent"] == pytest.approx(-50.0)
    assert record["changes"][4]["suv_max_percent"] is None
    header, *lines = csv.reader(io.StringIO(follow_up_csv(record)))
    assert [line[header.index("kind")] for line in lines][2:] == [
        "disappeared", "disappeared", "appeared",
    ]  # fmt: skip
    assert lines[0][header.index("suv_max_after")] == "5.0"


def test_lesions_that_merge_and_split_stay_together() -> None:
    before = _mask((2, 2, 2, 4), (10, 2, 2, 4), (30, 20, 10, 6))
    after = before.copy()
    after[6:10, 3:5, 3:5] = 1  # a bridge between the first two
    after[32:34] = 0  # a cut through the third
    found = compare_studies(_study(before, 8.0), before, _study(after, 8.0), after, rigid=STILL)
    groups = {(len(change.before), len(change.after)) for change in found.changes}
    assert groups == {(2, 1), (1, 2)}
    assert {change.distance_mm for change in found.changes} == {None}


def test_beyond_twenty_millimetres_lesions_are_two() -> None:
    before, after = _mask((2, 2, 2, 2)), _mask((8, 2, 2, 2))
    found = compare_studies(_study(before, 8.0), before, _study(after, 8.0), after, rigid=STILL)
    assert [change.kind for change in found.changes] == ["disappeared", "appeared"]
    near = _mask((7, 2, 2, 2))
    found = compare_studies(_study(before, 8.0), before, _study(near, 8.0), near, rigid=STILL)
    assert [change.kind for change in found.changes] == ["matched"]


def test_nothing_before_or_after() -> None:
    empty, one = _mask(), _mask((2, 2, 2, 3))
    found = compare_studies(_study(one, 8.0), one, _study(empty, 1.0), empty, rigid=STILL)
    assert [change.kind for change in found.changes] == ["disappeared"]
    assert np.isnan(found.percist.percent)
    assert (
        compare_studies(_study(empty, 1.0), empty, _study(empty, 1.0), empty, rigid=STILL).changes
        == ()
    )


def test_weight_loss_counts_in_lean_uptake() -> None:
    """The same SUV by body weight at 100 and at 80 kg is another SUL."""
    mask = _mask((2, 2, 2, 4))
    study = _study(mask, 8.0)
    physiques = (Physique(100, 180, "male"), Physique(80, 180, "male"))
    found = compare_studies(study, mask, study, mask, rigid=STILL, physiques=physiques)
    assert found.quantity == "SUL"
    # 9270 / (6680 + 216 BMI), with a BMI of 30.864 and of 24.691.
    assert found.percist.percent == pytest.approx(100 * (13346.67 / 12013.33 - 1), abs=1e-3)


def test_without_simpleitk(body: Phantom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    study = Study(body.pet, None, "a")
    with pytest.raises(InputError, match="needs SimpleITK"):
        align_rigid(study, study)
