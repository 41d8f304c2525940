"""Guidance maps against closed forms and brute force."""

import heapq
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import lesionloop.scribbles.guidance as module
from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.scribbles import distance_map, gaussian_map, geodesic_distance, voxel_map

SHAPE = (13, 11, 9)
SPACING = (0.7, 1.3, 3.0)  # mm; three different values, so a swapped axis fails
GRID = (SHAPE, SPACING)
POINTS = np.array([[2, 3, 1], [2, 4, 1], [12, 0, 8], [2, 3, 1]])
NONE = np.empty((0, 3), dtype=np.int64)


def brute_distance(points: NDArray[np.int64]) -> NDArray[np.float64]:
    place = np.moveaxis(np.indices(SHAPE), 0, -1) * np.array(SPACING)
    offset = place[..., None, :] - points * np.array(SPACING)
    return np.asarray(np.linalg.norm(offset, axis=-1).min(axis=-1))


def test_voxel_map_is_one_at_the_points() -> None:
    values = voxel_map(POINTS, GRID)
    assert np.argwhere(values == 1).tolist() == [[2, 3, 1], [2, 4, 1], [12, 0, 8]]
    assert values.sum() == 3
    assert not voxel_map(NONE, GRID).any()


def test_a_grid_and_its_shape_and_spacing_are_the_same() -> None:
    oblique = Grid(SHAPE, SPACING, (5, 6, 7), (0, 1, 0, -1, 0, 0, 0, 0, 1))
    np.testing.assert_array_equal(distance_map(POINTS, oblique), distance_map(POINTS, GRID))


def test_distance_equals_all_pairs() -> None:
    np.testing.assert_allclose(distance_map(POINTS, GRID), brute_distance(POINTS), rtol=1e-6)


@pytest.mark.parametrize("limit_mm", [0.1, 0.7, 2.0, 3.0, 5.5, 100.0])
def test_clipped_distance_equals_all_pairs(limit_mm: float) -> None:
    points = np.random.default_rng(1).integers(0, SHAPE, size=(7, 3))
    expected = np.minimum(brute_distance(points), limit_mm)
    found = distance_map(points, GRID, limit_mm=limit_mm)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    near = distance_map(points, GRID, limit_mm=limit_mm, closeness=True)
    np.testing.assert_allclose(near, 1 - expected / limit_mm, atol=1e-6)
    assert near.max() == 1
    assert near.min() >= 0


def test_distance_without_points() -> None:
    assert np.isinf(distance_map(NONE, GRID)).all()
    assert (distance_map([], GRID, limit_mm=4.0) == 4).all()
    assert not distance_map(NONE, GRID, limit_mm=4.0, closeness=True).any()


@pytest.mark.parametrize("sigma_mm", [0.5, 2.0, 30.0])
def test_gaussian_is_the_closed_form(sigma_mm: float) -> None:
    expected = np.exp(-0.5 * (brute_distance(POINTS) / sigma_mm) ** 2)
    found = gaussian_map(POINTS, GRID, sigma_mm=sigma_mm)
    np.testing.assert_allclose(found, expected, atol=5e-6)
    assert found[2, 3, 1] == 1


def test_gaussian_without_width_is_the_voxel_map() -> None:
    np.testing.assert_array_equal(gaussian_map(POINTS, GRID, sigma_mm=0), voxel_map(POINTS, GRID))
    assert not gaussian_map(NONE, GRID, sigma_mm=2.0).any()


def brute_geodesic(
    points: NDArray[np.int64], values: NDArray[Any], weight: float
) -> NDArray[np.float64]:
    """Dijkstra's algorithm with a heap, voxel by voxel."""
    found = np.full(values.shape, np.inf)
    queue = [(0.0, tuple(point)) for point in points.tolist()]
    while queue:
        distance, here = heapq.heappop(queue)
        if distance >= found[here]:
            continue
        found[here] = distance
        for step in product((-1, 0, 1), repeat=3):
            there = tuple(a + b for a, b in zip(here, step, strict=True))
            if all(0 <= a < n for a, n in zip(there, values.shape, strict=True)) and any(step):
                length = sum((d * mm) ** 2 for d, mm in zip(step, SPACING, strict=True))
                climb = weight * (float(values[here]) - float(values[there]))
                heapq.heappush(queue, (distance + np.sqrt(length + climb * climb), there))
    return found


@pytest.mark.parametrize("weight", [0.0, 0.8, 20.0])
@pytest.mark.parametrize("limit_mm", [None, 1.0, 6.0, 1000.0])
def test_geodesic_equals_a_plain_dijkstra(weight: float, limit_mm: float | None) -> None:
    values = np.random.default_rng(2).gamma(1.0, 3.0, size=SHAPE).astype(np.float32)
    expected = brute_geodesic(POINTS, values, weight)
    if limit_mm is not None:
        expected = np.minimum(expected, limit_mm)
    found = geodesic_distance(POINTS, values, SPACING, suv_weight_mm=weight, limit_mm=limit_mm)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 7), (1, 6, 1), (5, 1, 1), (2, 1, 3)])
def test_geodesic_on_thin_volumes(shape: tuple[int, int, int]) -> None:
    values = np.random.default_rng(3).random(shape)
    points = np.array([[0, 0, 0]])
    found = geodesic_distance(points, values, SPACING, suv_weight_mm=2.0)
    np.testing.assert_allclose(found, brute_geodesic(points, values, 2.0), rtol=1e-6)


def test_geodesic_along_a_ramp_is_a_right_triangle() -> None:
    # 3 mm of way and 2 SUV at 2 mm each: every step is 5 mm long.
    ramp = np.arange(8.0)[None, None, :] * 2
    found = geodesic_distance([[0, 0, 0]], ramp, SPACING, suv_weight_mm=2.0)
    np.testing.assert_allclose(found[0, 0], np.arange(8) * 5)


def test_geodesic_goes_round_a_wall_rather_than_over_it() -> None:
    values = np.zeros((3, 9, 1))
    values[1, :-1] = 100  # a wall with one gap
    found = geodesic_distance([[0, 0, 0]], values, (1.0, 1.0, 1.0), suv_weight_mm=1.0)
    assert found[2, 0, 0] == pytest.approx(14 + 2 * np.sqrt(2))


def test_geodesic_does_not_depend_on_order_or_memory() -> None:
    values = np.random.default_rng(4).random(SHAPE)
    expected = geodesic_distance(POINTS, values, SPACING, suv_weight_mm=3.0)
    for same in (
        geodesic_distance(POINTS[::-1], values, SPACING, suv_weight_mm=3.0),
        geodesic_distance(POINTS, np.asfortranarray(values), SPACING, suv_weight_mm=3.0),
    ):
        np.testing.assert_array_equal(same, expected)


def test_geodesic_without_points() -> None:
    values = np.zeros(SHAPE)
    assert np.isinf(geodesic_distance(NONE, values, SPACING, suv_weight_mm=1.0)).all()
    limited = geodesic_distance(NONE, values, SPACING, suv_weight_mm=1.0, limit_mm=2.5)
    assert (limited == 2.5).all()


def test_geodesic_refuses_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.zeros(SHAPE)
    with pytest.raises(InputError, match="three axes"):
        geodesic_distance(POINTS, values[0], SPACING, suv_weight_mm=1.0)
    with pytest.raises(InputError, match="suv_weight_mm"):
        geodesic_distance(POINTS, values, SPACING, suv_weight_mm=-1.0)
    with pytest.raises(InputError, match="not all finite"):
        geodesic_distance(POINTS, values + np.nan, SPACING, suv_weight_mm=1.0)
    monkeypatch.setattr(module, "MAX_GEODESIC_VOXELS", values.size - 1)
    with pytest.raises(InputError, match="too much memory"):
        geodesic_distance(POINTS, values, SPACING, suv_weight_mm=1.0)
    near = geodesic_distance(POINTS[:2], values, SPACING, suv_weight_mm=1.0, limit_mm=3.0)
    assert near[2, 3, 2] == 3


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[1.0, 2.0, 3.0]], "whole numbers"),
        ([1, 2, 3], "shape"),
        ([[0, 0, 0], [0, 11, 0]], r"point 1 is \[0, 11, 0\]"),
        ([[-1, 0, 0]], r"point 0 is \[-1, 0, 0\]"),
    ],
)
def test_refuses_points(points: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        voxel_map(points, GRID)


def test_refuses_lengths() -> None:
    for limit in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="limit_mm"):
            distance_map(POINTS, GRID, limit_mm=limit)
    with pytest.raises(InputError, match="closeness"):
        distance_map(POINTS, GRID, closeness=True)
    with pytest.raises(InputError, match="sigma_mm"):
        gaussian_map(POINTS, GRID, sigma_mm=-1.0)
