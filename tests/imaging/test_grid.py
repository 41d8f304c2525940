"""Grids: closed forms, brute force over voxels, and SimpleITK as a second opinion."""

from itertools import product

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from lesionloop.errors import InputError
from lesionloop.imaging.grid import GRID_TOLERANCE_MM, Grid

SHAPE = (7, 6, 5)
SPACING = (2.04, 1.3, 3.27)
ORIGIN = (-407.3, 512.5, -1210.25)
TURN = Rotation.from_euler("zyx", (17.0, -9.0, 23.0), degrees=True).as_matrix()
DIRECTIONS = {
    "upright": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "left-handed": np.diag([1.0, -1.0, 1.0]),
    "exchanged": np.eye(3)[[2, 0, 1]],
    "oblique": TURN,
    "oblique, left-handed": TURN @ np.diag([1.0, 1.0, -1.0]),
}


def grid_of(direction: NDArray[np.float64], **changes: object) -> Grid:
    values: dict[str, object] = {"shape": SHAPE, "spacing": SPACING, "origin": ORIGIN, **changes}
    return Grid(direction=tuple(direction.ravel()), **values)  # type: ignore[arg-type]


@pytest.fixture(params=DIRECTIONS)
def grid(request: pytest.FixtureRequest) -> Grid:
    return grid_of(DIRECTIONS[request.param])


def test_positions_by_hand() -> None:
    # Index x runs to the patient's back, y to the right, z to the head.
    grid = grid_of(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), origin=(10.0, 20.0, 30.0))
    np.testing.assert_allclose(grid.to_world((0, 0, 0)), (10, 20, 30))
    np.testing.assert_allclose(grid.to_world((1, 0, 0)), (10, 22.04, 30))
    np.testing.assert_allclose(grid.to_world((0, 2, 0)), (7.4, 20, 30))
    np.testing.assert_allclose(grid.to_world((0, 0, 4)), (10, 20, 43.08))
    np.testing.assert_allclose(grid.to_index((7.4, 22.04, 30)), (1, 2, 0), atol=1e-12)


def test_positions_as_in_itk(grid: Grid) -> None:
    image = sitk.Image(grid.shape, sitk.sitkUInt8)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    for index in ((0, 0, 0), (6, 0, 0), (0, 5, 0), (0, 0, 4), (6, 5, 4), (3, 1, 2)):
        there = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(grid.to_world(index), there, atol=1e-9)
    fraction = (2.25, -3.5, 11.0)
    there = image.TransformContinuousIndexToPhysicalPoint(fraction)
    np.testing.assert_allclose(grid.to_world(fraction), there, atol=1e-9)


def test_world_and_index_are_inverse(grid: Grid) -> None:
    index = np.random.default_rng(1).uniform(-20, 20, (4, 5, 3))
    world = grid.to_world(index)
    assert world.shape == (4, 5, 3)
    np.testing.assert_allclose(grid.to_index(world), index, atol=1e-10)
    assert grid.to_index(world[0, 0]).shape == (3,)


def test_affine_has_the_parts_and_comes_back(grid: Grid) -> None:
    affine = grid.affine
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), SPACING)
    np.testing.assert_array_equal(affine[:3, 3], ORIGIN)
    np.testing.assert_array_equal(affine[3], (0, 0, 0, 1))
    back = Grid.from_affine(grid.shape, affine, frame_uid="1.2.3")
    assert back.worst_offset_mm(grid) < 1e-9
    assert back.frame_uid == "1.2.3"


def test_corners_and_box_by_brute_force(grid: Grid) -> None:
    index = np.array(list(product(*(range(n) for n in SHAPE))), dtype=float)
    world = grid.to_world(index)
    corners = grid.corners()
    assert corners.shape == (8, 3)
    np.testing.assert_allclose(corners.min(axis=0), world.min(axis=0))
    np.testing.assert_allclose(corners.max(axis=0), world.max(axis=0))
    halves = np.array(list(product((-0.5, 0.5), repeat=3)))
    surfaces = grid.to_world((index[:, None] + halves).reshape(-1, 3))
    np.testing.assert_allclose(grid.box(), [surfaces.min(axis=0), surfaces.max(axis=0)])


def test_box_of_one_upright_voxel() -> None:
    grid = Grid((1, 1, 1), (2.0, 4.0, 6.0), (10.0, 20.0, 30.0))
    np.testing.assert_allclose(grid.box(), [(9, 18, 27), (11, 22, 33)])


def test_voxel_volume() -> None:
    assert Grid(SHAPE, (2.0, 2.5, 4.0)).voxel_ml == pytest.approx(0.02)


def test_contains() -> None:
    grid = grid_of(TURN)
    points = [(0, 0, 0), (6, 5, 4), (7, 0, 0), (0, 6, 0), (0, 0, 5), (-1, 0, 0), (3, 3, -1)]
    assert grid.contains(points).tolist() == [True, True] + [False] * 5
    assert grid.contains(np.empty((0, 3), dtype=np.int64)).shape == (0,)


def test_worst_offset_of_a_shift(grid: Grid) -> None:
    moved = np.add(ORIGIN, (3.0, -4.0, 12.0))
    other = Grid(grid.shape, grid.spacing, (moved[0], moved[1], moved[2]), grid.direction)
    assert grid.worst_offset_mm(other) == pytest.approx(13.0)
    assert grid.worst_offset_mm(grid) == 0.0


def test_worst_offset_of_a_turn_is_at_the_far_corner() -> None:
    # About z by an angle, a corner at distance r moves by 2 r sin(angle / 2).
    angle = 0.01
    turn = Rotation.from_euler("z", angle).as_matrix()
    still = Grid((101, 51, 5), (2.0, 3.0, 4.0), (0.0, 0.0, 0.0))
    turned = Grid(still.shape, still.spacing, still.origin, tuple(turn.ravel()))
    radius = np.hypot(200.0, 150.0)
    assert still.worst_offset_mm(turned) == pytest.approx(2 * radius * np.sin(angle / 2))


def test_worst_offset_of_a_spacing_grows_with_the_shape() -> None:
    first, second = Grid((401, 2, 2), (2.0, 2, 2)), Grid((401, 2, 2), (2.00001, 2, 2))
    assert first.worst_offset_mm(second) == pytest.approx(0.004)
    assert not first.agrees_with(second)


def test_other_shapes_never_agree() -> None:
    assert Grid((4, 5, 6), SPACING).worst_offset_mm(Grid((5, 4, 6), SPACING)) == float("inf")
    assert not Grid((4, 5, 6), SPACING).agrees_with(Grid((4, 5, 7), SPACING))


@pytest.mark.parametrize("along", [(1.0, 0, 0), (0, 0, -1.0), (0.6, 0.8, 0)])
def test_agreement_ends_at_a_micrometre(along: tuple[float, float, float]) -> None:
    assert GRID_TOLERANCE_MM == 1e-3
    grid = Grid(SHAPE, SPACING)
    for length, agrees in ((0.99e-3, True), (1.01e-3, False)):
        shift = np.array(along) * length
        other = Grid(SHAPE, SPACING, (shift[0], shift[1], shift[2]))
        assert grid.agrees_with(other) is agrees
        assert other.agrees_with(grid) is agrees
    assert grid.agrees_with(Grid(SHAPE, SPACING, (0.5, 0, 0)), tolerance_mm=0.6)


def test_a_flip_in_place_does_not_agree() -> None:
    # The same voxel positions in another order are another grid.
    grid = Grid(SHAPE, SPACING)
    last = 6 * SPACING[0]
    flipped = Grid(SHAPE, SPACING, (last, 0.0, 0.0), (-1.0, 0, 0, 0, 1, 0, 0, 0, 1))
    np.testing.assert_allclose(np.sort(grid.corners(), axis=0), np.sort(flipped.corners(), axis=0))
    assert grid.worst_offset_mm(flipped) == pytest.approx(last)


def test_gap_between_upright_boxes_is_pythagoras() -> None:
    first = Grid((10, 20, 30), (2.0, 1.0, 0.5), (1.0, 0.5, 0.25))  # 0 to 20, 20 and 15 mm
    second = Grid((5, 5, 5), (2.0, 2.0, 2.0), (24.0, 25.0, 28.0))  # from 23, 24 and 27 mm
    assert first.gap_mm(second) == pytest.approx(np.sqrt(3**2 + 4**2 + 12**2))
    assert second.gap_mm(first) == pytest.approx(13.0)
    assert first.gap_mm(first) == pytest.approx(0.0, abs=1e-9)
    touching = Grid((5, 5, 5), (2.0, 2.0, 2.0), (21.0, 1.0, 1.0))
    assert first.gap_mm(touching) == pytest.approx(0.0, abs=1e-9)
    inside = Grid((2, 2, 2), (1.0, 1.0, 1.0), (9.0, 9.0, 9.0))
    assert first.gap_mm(inside) == pytest.approx(0.0, abs=1e-9)


def test_gap_between_oblique_boxes_is_found_where_upright_hulls_meet() -> None:
    # A thin slab at 45 degrees, and a cube in the corner that its hull leaves free.
    turn = Rotation.from_euler("z", 45, degrees=True).as_matrix()
    slab = Grid((100, 1, 10), (1.0, 1.0, 1.0), tuple(turn @ (-49.5, 0, 0)), tuple(turn.ravel()))
    cube = Grid((10, 10, 10), (1.0, 1.0, 1.0), (20.5, -29.5, 0.0))  # nearest corner (20, -20)
    hulls = np.stack([slab.box(), cube.box()])
    assert (hulls[:, 0].max(axis=0) < hulls[:, 1].min(axis=0)).all()
    assert slab.gap_mm(cube) == pytest.approx(20 * np.sqrt(2) - 0.5)


def test_gap_between_random_boxes() -> None:
    rng = np.random.default_rng(5)
    apart = 0
    for _ in range(20):
        turns = Rotation.random(2, rng).as_matrix()
        places = rng.uniform(-30, 30, (2, 3))
        first, second = (
            Grid((9, 4, 6), (1.0, 2.5, 3.0), tuple(place), tuple(turn.ravel()))
            for place, turn in zip(places, turns, strict=True)
        )
        bounds = [(-0.5, n - 0.5) for n in (*first.shape, *second.shape)]

        def squared(point: NDArray[np.float64], a: Grid = first, b: Grid = second) -> float:
            return float(((a.to_world(point[:3]) - b.to_world(point[3:])) ** 2).sum())

        found = minimize(squared, np.ones(6), bounds=bounds, options={"ftol": 1e-15})
        assert first.gap_mm(second) == pytest.approx(np.sqrt(found.fun), abs=1e-3)
        apart += found.fun > 1
    assert 5 < apart < 20  # both kinds were seen


def test_frames_of_reference() -> None:
    known, other, unknown = (grid_of(TURN, frame_uid=uid) for uid in ("1.2", "1.3", None))
    assert not known.shares_frame(other)
    assert known.shares_frame(grid_of(TURN, frame_uid="1.2"))
    assert known.shares_frame(unknown)
    assert unknown.shares_frame(known)
    assert known.agrees_with(other)  # only places are compared there


def test_is_a_value() -> None:
    first, same = grid_of(TURN), grid_of(TURN)
    assert first == same
    assert hash(first) == hash(same)
    assert {first: 1}[same] == 1
    assert first != grid_of(TURN, frame_uid="1.2")
    with pytest.raises(AttributeError):
        first.origin = (0.0, 0.0, 0.0)  # type: ignore[misc]
    first.affine[0, 0] = 99  # a copy: the grid stays as it was
    assert first == same


def test_takes_arrays_and_nested_directions_and_stores_plain_numbers() -> None:
    grid = Grid(
        tuple(np.array(SHAPE)),
        np.array(SPACING, dtype=np.float32),  # type: ignore[arg-type]
        np.array(ORIGIN),  # type: ignore[arg-type]
        TURN,
    )
    assert [type(n) for n in grid.shape] == [int] * 3
    numbers = (*grid.spacing, *grid.origin, *grid.direction)
    assert {type(v) for v in numbers} == {float}
    assert len(grid.direction) == 9
    hash(grid)


def test_rounded_directions_of_real_headers_are_accepted() -> None:
    assert grid_of(TURN.astype(np.float32).astype(float)).shape == SHAPE
    assert grid_of(TURN.round(5)).shape == SHAPE


SHEARED = np.eye(3) + np.array([[0, 1e-3, 0], [0, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"shape": (4, 5)}, "three axes"),
        ({"shape": (4, 5, 6, 1)}, "three axes"),
        ({"shape": (4, 0, 6)}, "at least one"),
        ({"shape": (4, -5, 6)}, "at least one"),
        ({"shape": (4, 5.5, 6)}, "whole"),
        ({"spacing": (1.0, 2.0)}, r"3 \+ 3 \+ 9"),
        ({"spacing": (1.0, 2.0, float("nan"))}, "finite"),
        ({"spacing": (1.0, 2.0, 0.0)}, "above 0"),
        ({"spacing": (1.0, -2.0, 3.0)}, "above 0"),
        ({"origin": (1.0, float("inf"), 3.0)}, "finite"),
        ({"origin": (1.0, 2.0, 3.0, 4.0)}, r"3 \+ 3 \+ 9"),
        ({"direction": (1.0, 0.0, 0.0, 1.0)}, r"3 \+ 3 \+ 9"),
        ({"direction": (float("nan"), *np.eye(3).ravel()[1:])}, "finite"),
        ({"direction": tuple(SHEARED.ravel())}, "not orthonormal"),
        ({"direction": tuple(1.001 * np.eye(3).ravel())}, "not orthonormal"),
        ({"direction": (0.0,) * 9}, "not orthonormal"),
    ],
)
def test_refuses(changes: dict[str, object], says: str) -> None:
    values: dict[str, object] = {"shape": SHAPE, "spacing": SPACING, **changes}
    with pytest.raises(InputError, match=says):
        Grid(**values)  # type: ignore[arg-type]


def test_refuses_affines_that_are_none() -> None:
    for affine, says in (
        (np.eye(3), "4, 4"),
        (np.diag([1.0, 0.0, 2.0, 1.0]), "without length"),
        (np.diag([1.0, np.nan, 2.0, 1.0]), "not finite"),
    ):
        with pytest.raises(InputError, match=says):
            Grid.from_affine(SHAPE, affine)
    sheared = np.eye(4)
    sheared[0, 1] = 0.2
    with pytest.raises(InputError, match="not orthonormal"):
        Grid.from_affine(SHAPE, sheared)
