from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume, assemble_study, write_mask
from lesionloop.interaction import SimulatedReader, run_loop
from lesionloop.metrics import voxel_dice
from lesionloop.phantom import make_phantom
from lesionloop.scribbles import ScribbleSet, simulate_scribble
from lesionloop.segmenters import load_segmenter, propagation
from lesionloop.segmenters.propagation import PropagateSession

StudyMaker = Callable[..., Study]
SPACING = (3.0, 3.2, 4.0)


def ball(
    shape: tuple[int, int, int], centre_mm: tuple[float, float, float], radius_mm: float
) -> NDArray[np.bool_]:
    index = np.moveaxis(np.indices(shape), 0, -1) * np.array(SPACING)
    return np.asarray(np.linalg.norm(index - np.array(centre_mm), axis=-1) <= radius_mm)


@pytest.fixture(scope="module")
def scene(make_study: StudyMaker) -> tuple[Study, NDArray[np.bool_], NDArray[np.bool_]]:
    """A study with a bright lesion, a faint one 90 mm away, and a hot structure that is none.

    The structure lies 40 mm, edge to edge, from the bright lesion. Blurred and noisy; gives the
    study, the faint and the bright lesion.
    """
    shape = (70, 45, 40)
    bright = ball(shape, (60, 70, 80), 12)
    structure = ball(shape, (124, 70, 80), 12)
    faint = ball(shape, (150, 100, 30), 11)
    suv = np.full(shape, 0.5) + 9 * bright + 8 * structure + 1.2 * faint
    sigma = 6 / 2.3548 / np.array(SPACING)
    suv = ndimage.gaussian_filter(suv, sigma)
    suv *= np.random.default_rng(3).normal(1, 0.06, shape)
    return make_study(np.asfortranarray(suv, np.float32), spacing=SPACING), faint, bright


def central_stroke(region: NDArray[np.bool_]) -> NDArray[np.int64]:
    return simulate_scribble(region, "centerline")


def test_a_foreground_stroke_finds_a_missed_lesion(
    scene: tuple[Study, NDArray[np.bool_], NDArray[np.bool_]],
) -> None:
    study, faint, bright = scene
    session = load_segmenter("propagate").open(study)
    first = session.segment(ScribbleSet())
    assert not (first & faint).any()
    assert voxel_dice(first & ndimage.binary_dilation(bright, iterations=4), bright) > 0.7
    mask = session.segment(ScribbleSet().add(central_stroke(faint), "foreground"))
    near = ndimage.binary_dilation(faint, iterations=4)
    assert voxel_dice(mask & near, faint) > 0.6
    far = ndimage.binary_dilation(faint, iterations=14)
    np.testing.assert_array_equal(mask[~far], first[~far])


def test_a_background_stroke_removes_a_false_structure_alone(
    scene: tuple[Study, NDArray[np.bool_], NDArray[np.bool_]],
) -> None:
    study, _, bright = scene
    session = load_segmenter("propagate").open(study)
    first = session.segment(ScribbleSet())
    false = first & ~ndimage.binary_dilation(bright, iterations=4)
    assert false.sum() * study.grid.voxel_ml > 7
    mask = session.segment(ScribbleSet().add(central_stroke(false), "background"))
    assert (mask & false).sum() < 0.2 * false.sum()
    near = ndimage.binary_dilation(bright, iterations=4)
    np.testing.assert_array_equal(mask & near, first & near)


@pytest.mark.parametrize("strategy", ["centerline", "random", "boundary"])
def test_corrections_on_a_phantom_raise_dice(strategy: str) -> None:
    phantom = make_phantom(seed=5, spacing=(6.0, 6.0, 7.0), lesions=6)
    study = assemble_study(phantom.pet, phantom.ct, name="p", tracer="fdg")
    reference = phantom.reference.values
    trace = run_loop(load_segmenter("propagate"), study, SimulatedReader(reference, strategy))
    dice = [voxel_dice(step.mask, reference) for step in trace.steps if step.mask is not None]
    assert dice[-1] > dice[0] + 0.02
    assert dice[-1] > 0.8


def test_a_warm_session_equals_a_cold_one_however_strokes_come_and_go(
    random_study: StudyMaker,
) -> None:
    # A reach that is small beside the study, so that a call decides again only parts of it.
    study = random_study(11, (90, 60, 42), spacing=(2.0, 2.3, 3.0))
    segmenter = load_segmenter("propagate", reach={"base": 8.0, "most": 14.0}, least_ml=0.6)
    warm = segmenter.open(study)
    rng = np.random.default_rng(2)
    drawn: list[tuple[NDArray[np.int64], Any]] = []
    for _ in range(18):
        if drawn and rng.random() < 0.3:
            drawn.pop(rng.integers(len(drawn)))
        else:
            # Near one another: strokes join, contradict, and share a neighbourhood.
            start = rng.integers((20, 15, 10), (60, 45, 30))
            along = np.arange(rng.integers(1, 8))[:, None] * np.array([1, 0, 0])
            points = start + along
            drawn.append((points, ("foreground", "background")[rng.integers(2)]))
        scribbles = ScribbleSet()
        for stroke, label in drawn:
            scribbles = scribbles.add(stroke, label)
        np.testing.assert_array_equal(
            warm.segment(scribbles), segmenter.open(study).segment(scribbles)
        )


def test_a_call_that_breaks_off_leaves_the_session_right(
    random_study: StudyMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = random_study(12, (50, 40, 30))
    segmenter = load_segmenter("propagate")
    session = segmenter.open(study)
    one = ScribbleSet().add([[10, 10, 10]], "foreground")
    two = one.add([[40, 30, 20]], "background")
    session.segment(one)
    for name in ("_decide", "update_without_specks"):
        owner = PropagateSession if name == "_decide" else propagation
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                session.segment(two)
        np.testing.assert_array_equal(session.segment(one), segmenter.open(study).segment(one))
    np.testing.assert_array_equal(session.segment(two), segmenter.open(study).segment(two))


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_remnants_beyond_the_reach_are_specks_and_no_more(random_study: StudyMaker) -> None:
    study = random_study(13, (80, 60, 45), spacing=(2.0, 2.1, 2.5))
    segmenter = load_segmenter("propagate", reach={"base": 6.0, "most": 6.0}, level_suv=2.5)
    session = segmenter.open(study)
    first = session.segment(ScribbleSet())
    spacing = np.array(study.grid.spacing)
    block = spacing * np.maximum(1, np.rint(4.0 / spacing))
    rng = np.random.default_rng(4)
    for point in np.argwhere(first)[rng.permutation(first.sum())[:25]]:
        mask = session.segment(ScribbleSet().add(point[None], "background"))
        away = np.ones(first.shape, bool)
        away[tuple(point)] = False
        distance = ndimage.distance_transform_edt(away, sampling=spacing)
        beyond = (mask ^ first) & (distance > 9.0 + 1.5 * np.linalg.norm(block))
        assert not (beyond & mask).any()
        labels, count = ndimage.label(beyond, ndimage.generate_binary_structure(3, 2))
        sizes = np.bincount(labels.ravel())[1:] * study.grid.voxel_ml
        assert count == 0 or sizes.max() < 0.5


def test_specks_are_small_and_faint(make_study: StudyMaker) -> None:
    suv = np.full((40, 30, 25), 0.5, np.float32)
    suv[5:7, 5:7, 5:7] = 30.0  # 0.31 ml, far above 2.5 x the level
    suv[20:22, 5:7, 5:7] = 6.0  # 0.31 ml, faint
    suv[20:26, 20:25, 15:20] = 6.0  # 5.8 ml, as faint
    session = load_segmenter("propagate", level_suv=4.0, smooth_mm=0.0).open(
        make_study(suv, spacing=SPACING)
    )
    np.testing.assert_array_equal(
        session.segment(ScribbleSet()), (suv > 4) & ~ball_box(suv.shape, (20, 5, 5), 2)
    )
    # A foreground point keeps it.
    kept = session.segment(ScribbleSet().add([[20, 5, 5]], "foreground"))
    assert kept[20:22, 5:7, 5:7].all()


def ball_box(shape: tuple[int, ...], corner: tuple[int, int, int], side: int) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(c, c + side) for c in corner)] = True
    return mask


@pytest.mark.parametrize(("slices", "level"), [(80, 4.0), (60, 2.0)])
def test_the_level_follows_the_length_of_the_view(
    make_study: StudyMaker, slices: int, level: float
) -> None:
    suv = np.full((12, 12, slices), 0.5, np.float32)
    suv[3:9, 3:9, 10:20] = 3.0
    study = make_study(suv, spacing=(4.0, 4.0, 5.0))  # 400 and 300 mm
    assert load_segmenter("propagate").open(study).segment(ScribbleSet()).any() == (level < 3)
    # The length is along the patient, whichever index axis that is.
    turned = make_study(
        np.moveaxis(suv, 2, 0), spacing=(5.0, 4.0, 4.0), direction=(0, 1, 0, 0, 0, 1, 1, 0, 0)
    )
    assert load_segmenter("propagate").open(turned).segment(ScribbleSet()).any() == (level < 3)


def test_activity_is_not_suv(random_study: StudyMaker) -> None:
    study = random_study(6)
    activity = Volume(study.pet.values, study.grid, Quantity.BQ_ML)
    with pytest.raises(InputError, match="not SUV"):
        load_segmenter("propagate").open(Study(activity, None, "a"))


def test_the_mask_keeps_the_memory_order_of_the_pet(random_study: StudyMaker) -> None:
    for order in "CF":
        study = random_study(3, order=order)
        session = load_segmenter("propagate").open(study)
        for scribbles in (ScribbleSet(), ScribbleSet().add([[3, 3, 3]], "foreground")):
            flags = session.segment(scribbles).flags
            assert flags.f_contiguous if order == "F" else flags.c_contiguous


@pytest.mark.slow
def test_a_stroke_across_a_whole_body_grid(make_study: StudyMaker) -> None:
    # 4.1 million working voxels in one box: more than one path search may hold.
    rng = np.random.default_rng(0)
    suv = np.asfortranarray(rng.gamma(2, 0.4, (150, 150, 220)), np.float32)
    study = make_study(suv, spacing=(4.0, 4.0, 4.0))
    along = np.linspace(0, 1, 400)[:, None]
    points = np.unique(np.rint(along * (np.array(suv.shape) - 1)).astype(int), axis=0)
    session = load_segmenter("propagate").open(study)
    mask = session.segment(ScribbleSet().add(points, "foreground"))
    assert mask[tuple(points.T)].all()


def test_a_mask_made_elsewhere_is_corrected_near_strokes_only(
    scene: tuple[Study, NDArray[np.bool_], NDArray[np.bool_]], tmp_path: Path
) -> None:
    study, faint, bright = scene
    given = ball(study.grid.shape, (60, 70, 80), 9)  # a tight mask of the bright lesion, no more
    write_mask(given, study, tmp_path / "given.nii.gz")
    segmenter = load_segmenter("propagate", start=tmp_path / "given.nii.gz")
    session = segmenter.open(study)
    np.testing.assert_array_equal(session.segment(ScribbleSet()), given)

    scribbles = ScribbleSet().add(central_stroke(faint), "foreground")
    mask = session.segment(scribbles)
    assert voxel_dice(mask & ndimage.binary_dilation(faint, iterations=4), faint) > 0.6
    far = ndimage.binary_dilation(faint, iterations=14)
    np.testing.assert_array_equal(mask[~far], given[~far])
    np.testing.assert_array_equal(segmenter.open(study).segment(scribbles), mask)

    rest = ball(study.grid.shape, (60, 70, 80), 30) & given
    gone = session.segment(ScribbleSet().add(central_stroke(rest), "background"))
    assert (gone & bright).sum() < 0.5 * given.sum()

    before = segmenter.identity
    write_mask(bright, study, tmp_path / "given.nii.gz")
    assert segmenter.identity != before


def test_a_start_mask_on_another_grid_is_refused(
    scene: tuple[Study, NDArray[np.bool_], NDArray[np.bool_]], tmp_path: Path
) -> None:
    study = scene[0]
    write_mask(scene[1], Grid(study.grid.shape, (9.0, 9.0, 9.0)), tmp_path / "other.mha")
    with pytest.raises(InputError, match="not on the same grid"):
        load_segmenter("propagate", start=tmp_path / "other.mha").open(study)
    with pytest.raises(InputError, match="missing"):
        _ = load_segmenter("propagate", start=tmp_path / "missing.mha").identity
