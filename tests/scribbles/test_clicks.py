"""Fixed clicks: where they are, how many, and their file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.scribbles.clicks import Clicks, read_clicks, simulate_clicks, write_clicks

SHAPE = (40, 30, 20)


def _liver() -> Any:
    liver = np.zeros(SHAPE, np.uint8)
    liver[5:35, 5:25, 3:17] = 1
    return liver


def _lesions(count: int) -> Any:
    """Boxes of 5 x 3 x 3 voxels with one deepest line; its first voxel is (1, 1, 1) further in."""
    lesion = np.zeros(SHAPE, np.uint8)
    corners = [(x, y, z) for x in (6, 14, 22) for y in (6, 12, 18) for z in (4, 10)][:count]
    for x, y, z in corners:
        lesion[x : x + 5, y : y + 3, z : z + 3] = 1
    return lesion


@pytest.mark.parametrize("count", [1, 4, 10, 15])
def test_each_chosen_lesion_is_clicked_in_its_middle_first(count: int) -> None:
    lesion = _lesions(count)
    clicks = simulate_clicks(lesion, _liver())
    labels, _ = ndimage.label(lesion, np.ones((3, 3, 3)))
    depth = ndimage.distance_transform_edt(lesion)
    at = [int(labels[tuple(point)]) for point in clicks.lesion]
    chosen = min(count, 10)
    assert len(at) == 10
    assert len(set(at[:chosen])) == chosen  # none twice
    for point, label in zip(clicks.lesion[:chosen], at, strict=False):
        first = np.argwhere(labels == label)[0]
        np.testing.assert_array_equal(point, first + 1)  # the first of the deepest
    assert all(depth[tuple(point)] == 1 for point in clicks.lesion[chosen:])
    assert at[chosen:] == [at[turn % chosen] for turn in range(10 - chosen)]


def test_corners_make_one_lesion() -> None:
    lesion = np.zeros(SHAPE, np.uint8)
    lesion[8:10, 8:10, 8:10] = 1
    lesion[10:12, 10:12, 10:12] = 1
    clicks = simulate_clicks(lesion, _liver())
    np.testing.assert_array_equal(clicks.lesion[0], [8, 8, 8])
    assert len(clicks.lesion) == 10


def test_background_is_liver_without_lesion() -> None:
    lesion, liver = _lesions(6), _liver()
    clicks = simulate_clicks(lesion, liver)
    assert len({tuple(point) for point in clicks.background.tolist()}) == 10
    where = tuple(clicks.background.T)
    assert liver[where].all()
    assert not lesion[where].any()


def test_without_a_lesion_there_is_background_alone() -> None:
    clicks = simulate_clicks(np.zeros(SHAPE), _liver())
    assert (clicks.lesion.shape, clicks.background.shape) == ((0, 3), (10, 3))
    assert simulate_clicks(_lesions(1), _lesions(1)).background.shape == (0, 3)


def test_the_seed_decides() -> None:
    one, same, other = (simulate_clicks(_lesions(12), _liver(), seed=s) for s in (42, 42, 7))
    np.testing.assert_array_equal(one.lesion, same.lesion)
    np.testing.assert_array_equal(one.background, same.background)
    assert not np.array_equal(one.background, other.background)


def test_moved_clicks_stay_inside() -> None:
    lesion = _lesions(10)
    still = simulate_clicks(lesion, _liver()).lesion
    moved = simulate_clicks(lesion, _liver(), most_offset=3).lesion
    assert lesion[tuple(moved.T)].all()
    away = moved - still
    assert (away >= 0).all()
    assert away.max() <= 3
    assert (away > 0).any()
    at_the_end = np.zeros(SHAPE)
    at_the_end[-1, -1, -1] = 1
    clicks = simulate_clicks(at_the_end, _liver(), most_offset=3).lesion
    np.testing.assert_array_equal(np.unique(clicks, axis=0), [[39, 29, 19]])


def test_what_is_shown_at_a_step() -> None:
    clicks = Clicks(np.array([[1, 2, 3]]), np.array([[4, 5, 6], [7, 8, 9]]))
    assert len(clicks.first(0)) == 0
    assert [(s.label, s.step) for s in clicks.first(2)] == [
        ("foreground", 1), ("background", 1), ("background", 2),
    ]  # fmt: skip
    assert clicks.first(5) == clicks.first(2)


def test_the_file(tmp_path: Path) -> None:
    clicks = simulate_clicks(_lesions(3), _liver())
    path = tmp_path / "case 1.b_clicks.json"
    write_clicks(path, clicks)
    held = json.loads(path.read_text())
    assert list(held) == ["lesion", "background"]
    for again in (read_clicks(path), read_clicks(path, SHAPE)):
        np.testing.assert_array_equal(again.lesion, clicks.lesion)
        np.testing.assert_array_equal(again.background, clicks.background)
    path.write_text(json.dumps({"tumor": held["lesion"], "background": []}))
    np.testing.assert_array_equal(read_clicks(path).lesion, clicks.lesion)
    assert read_clicks(path).background.shape == (0, 3)


@pytest.mark.parametrize(
    "held",
    [
        [],
        {"lesion": []},
        {"lesion": [], "background": [], "tumor": []},
        {"lesion": 3, "background": []},
        {"lesion": [[1, 2]], "background": []},
        {"lesion": [[1, 2, 99]], "background": []},
        {"lesion": [[1, 2, 3]] * 11, "background": []},
    ],
)
def test_what_is_no_file_of_clicks(tmp_path: Path, held: Any) -> None:
    path = tmp_path / "clicks.json"
    path.write_text(json.dumps(held))
    with pytest.raises(InputError, match=r"clicks\.json"):
        read_clicks(path, SHAPE)


def test_what_cannot_be_clicked() -> None:
    with pytest.raises(InputError, match="one shape"):
        simulate_clicks(_lesions(1), _liver()[1:])
    with pytest.raises(InputError, match="offset"):
        simulate_clicks(_lesions(1), _liver(), most_offset=-1)
