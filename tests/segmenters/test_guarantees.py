"""What every registered segmenter promises, whatever it is."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume, assemble_study
from lesionloop.phantom import make_phantom
from lesionloop.scribbles import Scribble, ScribbleSet
from lesionloop.segmenters import SEGMENTERS, Segmenter, load_segmenter
from lesionloop.segmenters.influence import Reach
from lesionloop.segmenters.protocol import Repeatable

StudyMaker = Callable[..., Study]
Variant = tuple[str, dict[str, Any]]

#: Every registered name with its defaults, and ways of working that the defaults do not show.
VARIANTS: list[Variant] = [
    *((name, {}) for name in sorted(SEGMENTERS)),
    ("threshold", {"method": "percent", "level_suv": 3.0, "percent": 50.0}),
    ("propagate", {"working_mm": 9.0, "least_ml": 2.0}),
    ("propagate", {"smooth_mm": 0.0, "level_suv": 3.5}),
]

pytestmark = pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda v: "-".join([v[0], *map(str, v[1].values())])
)


def propagate_reach_mm(options: dict[str, Any], extent_mm: float, spacing: NDArray[Any]) -> float:
    """How far a stroke of ``propagate`` can change a voxel, from its options alone.

    The level shift ends at 1.5 x (16 + 0.6 x extent) mm between centres of blocks of the working
    grid; half a block lies between a point and its block's centre, one block between a voxel and
    the centres that it is interpolated from.
    """
    reach = Reach()
    block = spacing * np.maximum(1, np.rint(options.get("working_mm", 4.0) / spacing))
    far = 1.5 * min(reach.base + reach.per_extent * extent_mm, reach.most)
    return float(far + 1.5 * np.linalg.norm(block))


def threshold_reach_mm(options: dict[str, Any], extent_mm: float, spacing: NDArray[Any]) -> float:
    """How far a stroke of ``threshold`` can change a voxel."""
    return 20.0 + extent_mm


def learned_reach_mm(_: dict[str, Any], __: float, ___: NDArray[Any]) -> float:
    """How far a stroke of ``default`` can change a voxel: 60 mm between cubes of 4 mm.

    Half a diagonal lies between a point and its cube's middle, one between a voxel and the middles
    that it is interpolated from.
    """
    return 60.0 + 1.5 * 4.0 * 3**0.5


#: Reach in mm by registered name; a new segmenter must say here how far its strokes reach.
REACH = {
    "default": learned_reach_mm,
    "propagate": propagate_reach_mm,
    "threshold": threshold_reach_mm,
}


def segment(variant: Variant, study: Study, scribbles: ScribbleSet) -> NDArray[np.bool_]:
    """A cold prediction."""
    return loaded(variant).open(study).segment(scribbles)


def loaded(variant: Variant) -> Segmenter:
    return load_segmenter(variant[0], **variant[1])


def assert_honoured(mask: NDArray[np.bool_], scribbles: ScribbleSet, study: Study) -> None:
    """Foreground in, background out unless it is foreground too."""
    assert mask.dtype == np.bool_
    assert mask.shape == study.grid.shape
    foreground = set(map(tuple, scribbles.foreground.tolist()))
    background = set(map(tuple, scribbles.background.tolist())) - foreground
    assert all(mask[point] for point in foreground)
    assert not any(mask[point] for point in background)


@st.composite
def strokes(draw: st.DrawFn, shape: Sequence[int]) -> tuple[NDArray[np.int64], str]:
    """A straight or single-voxel stroke in the grid, and its class."""
    start = [draw(st.integers(0, n - 1)) for n in shape]
    axis, length = draw(st.integers(0, 2)), draw(st.integers(1, 9))
    points = np.array([start] * length)
    points[:, axis] = np.minimum(points[:, axis] + np.arange(length), shape[axis] - 1)
    return points, draw(st.sampled_from(["foreground", "background"]))


SHAPE = (29, 23, 17)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 5),
    drawn=st.lists(strokes(SHAPE), min_size=1, max_size=6),
    with_ct=st.booleans(),
    order=st.sampled_from("CF"),
    tilted=st.booleans(),
    shuffle=st.randoms(use_true_random=False),
)
def test_the_mask_is_a_function_of_the_two_point_sets(
    *,
    variant: Variant,
    random_study: StudyMaker,
    oblique: tuple[float, ...],
    tmp_path: Path,
    seed: int,
    drawn: list[tuple[NDArray[np.int64], Any]],
    with_ct: bool,
    order: str,
    tilted: bool,
    shuffle: Any,
) -> None:
    geometry = {"direction": oblique} if tilted else {}
    study = random_study(seed, SHAPE, with_ct=with_ct, order=order, **geometry)
    session = loaded(variant).open(study)
    first = session.segment(ScribbleSet())
    scribbles, warm, history = ScribbleSet(), first, []
    for points, label in drawn:
        scribbles = scribbles.add(points, label)
        warm = session.segment(scribbles)
        assert_honoured(warm, scribbles, study)
        history.append((scribbles, warm.copy()))

    cold = segment(variant, study, scribbles)
    np.testing.assert_array_equal(cold, warm)

    # Other order, other strokes, interleaved classes, every point twice: the same two sets.
    singles = [(point, s.label) for s in scribbles for point in s.points] * 2
    shuffle.shuffle(singles)
    other = ScribbleSet(tuple(Scribble(p[None], label, 1) for p, label in singles))
    np.testing.assert_array_equal(segment(variant, study, other), warm)
    np.testing.assert_array_equal(session.segment(other), warm)

    # Through the challenge's file, which keeps two lists and nothing else.
    file = tmp_path / "lesion-clicks.json"
    scribbles.write(file)
    np.testing.assert_array_equal(segment(variant, study, ScribbleSet.read(file, study.grid)), warm)

    # Going back gives the old masks, and what a caller does to a mask is the caller's.
    session.segment(scribbles)[...] = True
    for earlier, mask in reversed(history):
        np.testing.assert_array_equal(session.segment(earlier), mask)
    np.testing.assert_array_equal(session.segment(ScribbleSet()), first)


def test_memory_order_makes_no_difference(variant: Variant, random_study: StudyMaker) -> None:
    scribbles = (
        ScribbleSet().add([[9, 8, 7], [10, 8, 7]], "foreground").add([[20, 9, 4]], "background")
    )
    one, two = (segment(variant, random_study(3, order=order), scribbles) for order in ("C", "F"))
    np.testing.assert_array_equal(one, two)


def test_a_voxel_of_both_classes_is_foreground(variant: Variant, random_study: StudyMaker) -> None:
    both = np.array([[5, 6, 7], [6, 6, 7]])
    mask = segment(
        variant, random_study(1), ScribbleSet().add(both, "foreground").add(both, "background")
    )
    assert mask[tuple(both.T)].all()
    only = segment(variant, random_study(1), ScribbleSet().add(both, "foreground"))
    np.testing.assert_array_equal(mask, only)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 1), (2, 1, 5), (3, 3, 2), (31, 1, 9)])
def test_tiny_and_flat_grids(
    variant: Variant, make_study: StudyMaker, shape: tuple[int, int, int]
) -> None:
    pet = np.linspace(0.1, 9, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    study = make_study(pet, ct=np.zeros(shape, np.float32))
    corners = np.array([[0, 0, 0], np.array(shape) - 1])
    for label in ("foreground", "background"):
        scribbles = ScribbleSet().add(corners, label)
        assert_honoured(segment(variant, study, scribbles), scribbles, study)


def test_nothing_hot_and_no_scribbles_give_an_empty_mask(
    variant: Variant, make_study: StudyMaker
) -> None:
    pet = np.full((12, 9, 7), 0.7, np.float32)
    for study in (make_study(pet), make_study(pet, ct=np.full(pet.shape, -1000, np.float32))):
        session = loaded(variant).open(study)
        assert not session.segment(ScribbleSet()).any()
        dot = ScribbleSet().add([[3, 3, 3]], "background")
        assert not session.segment(dot).any()


def test_a_stray_point_in_the_air_fills_no_air(variant: Variant, make_study: StudyMaker) -> None:
    rng = np.random.default_rng(5)
    pet = np.array(rng.uniform(0, 0.05, (40, 31, 25)), dtype=np.float32, order="F")
    pet[14:26, 10:21, 8:17] = 1.0
    pet[18:21, 14:17, 11:14] = 9.0
    study = make_study(pet, ct=np.where(pet < 0.5, -1000, 40).astype(np.float32))
    session = loaded(variant).open(study)
    first = session.segment(ScribbleSet())
    assert not first[pet < 0.5].any()
    stray = np.array([[3, 3, 3], [4, 3, 3], [5, 4, 3]])
    mask = session.segment(ScribbleSet().add(stray, "foreground"))
    assert mask[tuple(stray.T)].all()
    first[tuple(stray.T)] = True
    np.testing.assert_array_equal(mask, first)


def test_points_outside_the_grid_are_refused_and_do_no_harm(
    variant: Variant, random_study: StudyMaker
) -> None:
    session = loaded(variant).open(random_study(2))
    good = ScribbleSet().add([[3, 3, 3]], "foreground")
    before = session.segment(good)
    with pytest.raises(InputError, match="outside the grid"):
        session.segment(good.add([[3, 3, 17]], "background"))
    np.testing.assert_array_equal(session.segment(good), before)


@pytest.mark.parametrize("label", ["foreground", "background"])
@pytest.mark.parametrize(
    ("start", "length", "axis"),
    [((30, 26, 22), 1, 0), ((0, 0, 0), 1, 0), ((56, 20, 25), 5, 0), ((20, 30, 40), 6, 1)],
    ids=["middle", "corner", "at the border", "long"],
)
def test_a_stroke_changes_nothing_beyond_its_reach(
    *,
    variant: Variant,
    random_study: StudyMaker,
    label: Any,
    start: tuple[int, int, int],
    length: int,
    axis: int,
) -> None:
    name, options = variant
    if name != "threshold":
        options = {**options, "least_ml": 0.0}  # specks have a test of their own
    study = random_study(7, (61, 52, 47))
    points = np.array([start] * length)
    points[:, axis] += np.arange(length)
    session = load_segmenter(name, **options).open(study)
    change = session.segment(ScribbleSet()) ^ session.segment(ScribbleSet().add(points, label))
    spacing = np.array(study.grid.spacing)
    far = np.ones(change.shape, bool)
    far[tuple(points.T)] = False
    distance = ndimage.distance_transform_edt(far, sampling=spacing)
    extent = float(np.linalg.norm(np.ptp(points, axis=0) * spacing))
    reach = REACH[name](options, extent, spacing)
    assert distance.max() > reach, "the study is too small for this test"
    assert not change[distance > reach].any()


def test_far_strokes_do_not_know_of_each_other(variant: Variant, random_study: StudyMaker) -> None:
    study = random_study(4, (75, 31, 23))
    session = loaded(variant).open(study)
    left = ScribbleSet().add([[4, 14, 11]], "foreground").add([[7, 20, 11]], "background")
    right = [[70, 14, 11], [71, 14, 11]]
    alone, both = session.segment(left), session.segment(left.add(right, "background"))
    middle = 37  # 102 mm from either side, out of reach of both
    np.testing.assert_array_equal(both[:middle], alone[:middle])
    only_right = session.segment(ScribbleSet().add(right, "background"))
    np.testing.assert_array_equal(both[middle:], only_right[middle:])


def test_fifty_strokes_and_five_thousand_points(variant: Variant, random_study: StudyMaker) -> None:
    study = random_study(6, (43, 37, 31))
    rng = np.random.default_rng(1)
    scribbles = ScribbleSet()
    for number in range(50):
        start = rng.integers(0, (35, 37, 31))
        points = start + np.arange(8)[:, None] * np.array([1, 0, 0])
        scribbles = scribbles.add(points, ("foreground", "background")[number % 2])
    session = loaded(variant).open(study)
    assert_honoured(session.segment(scribbles), scribbles, study)
    many = rng.integers(0, study.grid.shape, (5000, 3))
    scribbles = scribbles.add(many[:2500], "foreground").add(many[2500:], "background")
    warm = session.segment(scribbles)
    assert_honoured(warm, scribbles, study)
    np.testing.assert_array_equal(warm, segment(variant, study, scribbles))


def test_a_shifted_study_gives_the_shifted_mask(variant: Variant, make_study: StudyMaker) -> None:
    if variant[0] == "default":
        pytest.skip("its cubes are 4 mm in every study, and a network only nearly follows a shift")
    # Air all around and a shift by whole working blocks, so that nothing but the place changes.
    rng = np.random.default_rng(8)
    small = np.zeros((40, 40, 32), np.float32)
    small[10:30, 10:30, 9:23] = rng.gamma(2.0, 0.7, (20, 20, 14))
    small[14:19, 15:20, 12:17] += 6
    large = np.zeros((64, 52, 38), np.float32)
    shift = np.array([16, 4, 4])
    large[16:56, 4:44, 4:36] = small
    points = np.array([[22, 24, 15], [23, 24, 15], [24, 25, 15]])
    masks = [
        segment(
            variant,
            make_study(np.asfortranarray(pet), spacing=(2.0, 2.2, 4.0)),
            ScribbleSet().add(points + by, "foreground").add((16, 17, 14) + by[None], "background"),
        )
        for pet, by in ((small, 0 * shift), (large, shift))
    ]
    expected = np.zeros(large.shape, bool)
    expected[16:56, 4:44, 4:36] = masks[0]
    assert masks[0].any()
    np.testing.assert_array_equal(masks[1], expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_study_gives_the_mirrored_mask(
    variant: Variant, random_study: StudyMaker, axis: int
) -> None:
    study = random_study(9, (24, 20, 16), with_ct=False, spacing=(2.0, 2.2, 4.0))
    values = np.flip(study.pet.values, axis)
    grid = study.grid
    matrix = np.array(grid.direction).reshape(3, 3)
    matrix[:, axis] *= -1
    ends = np.zeros(3)
    ends[axis] = grid.shape[axis] - 1
    origin = grid.to_world(ends)
    flipped = Grid(grid.shape, grid.spacing, tuple(origin), tuple(matrix.ravel()))
    twin = Study(Volume(values, flipped, Quantity.SUV_BW), None, "twin")
    points = np.array([[6, 5, 9], [7, 6, 9], [8, 7, 9]])
    mirrored = points.copy()
    mirrored[:, axis] = grid.shape[axis] - 1 - mirrored[:, axis]
    # Blocks of the working grid are aligned to the first voxel: whole blocks along every axis.
    name, options = variant
    options = {**options, **({"working_mm": 4.0} if name == "propagate" else {})}
    one, two = (
        load_segmenter(name, **options).open(s).segment(ScribbleSet().add(p, "background"))
        for s, p in ((study, points), (twin, mirrored))
    )
    np.testing.assert_array_equal(two, np.flip(one, axis))


def test_a_phantom_with_and_without_ct(variant: Variant) -> None:
    field_mm = (460.0, 340.0, 400.0)  # long enough to show a trunk
    phantom = make_phantom(seed=3, spacing=(11.0, 10.0, 12.0), field_mm=field_mm, lesions=12)
    lesion = np.argwhere(phantom.reference.values > 0)[:4]
    scribbles = ScribbleSet().add(lesion, "foreground").add([[20, 17, 16]], "background")
    masks = []
    for ct in (phantom.ct, None):
        study = assemble_study(phantom.pet, ct, name="p", tracer="fdg")
        session = loaded(variant).open(study)
        steps = [session.segment(ScribbleSet()), session.segment(scribbles)]
        assert_honoured(steps[1], scribbles, study)
        np.testing.assert_array_equal(segment(variant, study, scribbles), steps[1])
        masks.append(steps)
    assert all(mask.any() for steps in masks for mask in steps)


def test_the_identity_tells_options_apart(variant: Variant) -> None:
    identities = [str(loaded(other).identity) for other in VARIANTS if other[0] != "default"]
    assert len(set(identities)) == len(identities)
    assert loaded(variant).identity == loaded(variant).identity
    assert all(a != b for a, b in pairwise(sorted(identities)))


def test_a_session_that_begins_from_another_is_as_one_by_itself(
    variant: Variant, random_study: StudyMaker
) -> None:
    study = random_study(5, spacing=(6.0, 6.0, 24.0))  # long enough to show a trunk
    session = loaded(variant).open(study)
    if not isinstance(session, Repeatable):
        pytest.skip("each of its sessions is opened by itself")
    drawn = ScribbleSet().add([[10, 10, 8], [11, 10, 8]], "foreground")
    more = drawn.add([[20, 15, 9]], "background")
    session.segment(drawn)
    other = session.afresh()
    for one, scribbles in (
        (other, ScribbleSet()),
        (other, more),
        (session, drawn),
        (session.afresh(), drawn),
        (other, more),
    ):
        np.testing.assert_array_equal(
            one.segment(scribbles), segment(variant, study, scribbles), strict=True
        )
