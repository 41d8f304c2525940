"""The segmenter with a tiny network of random weights: promises, caches, geometry."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.seganypet.session import SegAnyPetSession

StudyMaker = Callable[..., Study]

SHAPE = (40, 33, 27)
CPU = {"device": "cpu"}


Stroke = tuple[list[tuple[int, int, int]], Literal["foreground", "background"]]


def opened(weights: Path, study: Study, **options: object) -> SegAnyPetSession:
    options = {"windows": 2, **options}  # random weights grow without end
    session = load_segmenter(f"seganypet:{weights}", **CPU, **options).open(study)
    assert isinstance(session, SegAnyPetSession)
    return session


def drawn(*strokes: Stroke) -> ScribbleSet:
    scribbles = ScribbleSet()
    for points, label in strokes:
        scribbles = scribbles.add(np.array(points), label)
    return scribbles


FIRST: Stroke = ([(10, 12, 9), (11, 12, 9), (12, 12, 9)], "foreground")
AGAINST: Stroke = ([(14, 16, 9), (15, 16, 9)], "background")
NEAR: Stroke = ([(13, 14, 12)], "foreground")
FAR: Stroke = ([(34, 6, 22), (35, 6, 22)], "foreground")


@pytest.fixture(params=["tiny", "tiny_with_all"])
def weights(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def test_without_a_foreground_scribble_the_mask_is_empty(
    weights: Path, random_study: StudyMaker
) -> None:
    session = opened(weights, random_study(0, SHAPE))
    for scribbles in (ScribbleSet(), drawn(AGAINST)):
        mask = session.segment(scribbles)
        assert mask.shape == SHAPE
        assert mask.dtype == np.bool_
        assert not mask.any()
    assert session.engine.encoded == 0


def test_warm_equals_cold_and_every_point_is_honoured(
    weights: Path, random_study: StudyMaker, oblique: tuple[float, ...]
) -> None:
    study = random_study(1, SHAPE, direction=oblique)
    warm, scribbles = opened(weights, study), ScribbleSet()
    sizes = []
    for points, label in (FIRST, AGAINST, FAR, NEAR):
        scribbles = scribbles.add(np.array(points), label)
        mask = warm.segment(scribbles)
        np.testing.assert_array_equal(mask, opened(weights, study).segment(scribbles))
        assert mask[tuple(scribbles.foreground.T)].all()
        assert not mask[tuple(scribbles.background.T)].any()
        sizes.append(int(mask.sum()))
    assert sizes[0] > 3, "the network marks nothing: this test says nothing"
    assert len(set(sizes)) > 1


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.randoms(use_true_random=False))
def test_order_and_division_of_points_do_not_matter(
    random_study: StudyMaker, tiny_with_all: Path, shuffle: object
) -> None:
    session = opened(tiny_with_all, random_study(2, SHAPE))
    expected = session.segment(drawn(FIRST, AGAINST, NEAR, FAR))
    single: list[tuple[tuple[int, int, int], Literal["foreground", "background"]]]
    single = [(p, label) for points, label in (FIRST, AGAINST, NEAR, FAR) for p in points]
    shuffle.shuffle(single)  # type: ignore[attr-defined]
    found = session.segment(drawn(*(([p], label) for p, label in single)))
    np.testing.assert_array_equal(found, expected)


def test_a_window_is_encoded_once(tiny: Path, random_study: StudyMaker) -> None:
    session = opened(tiny, random_study(1, SHAPE), windows=0)
    engine = session.engine
    session.segment(drawn(FIRST))
    assert (engine.encoded, engine.decoded) == (1, 1)
    session.segment(drawn(FIRST, AGAINST))  # the first decoding is known
    assert (engine.encoded, engine.decoded) == (1, 2)
    session.segment(drawn(FIRST, AGAINST, NEAR))
    assert engine.encoded == 1
    session.segment(drawn(FIRST, AGAINST, NEAR, FAR))
    assert engine.encoded == 2
    before = engine.decoded
    session.segment(drawn(FIRST, AGAINST, NEAR, FAR))
    assert (engine.encoded, engine.decoded) == (2, before)


def test_lesions_far_apart_are_prompted_for_themselves(
    tiny: Path, random_study: StudyMaker
) -> None:
    """The union of the masks of each alone."""
    session = opened(tiny, random_study(3, SHAPE), windows=0)
    alone = [session.segment(drawn(stroke)) for stroke in (FIRST, FAR)]
    both = session.segment(drawn(FIRST, FAR))
    np.testing.assert_array_equal(both, alone[0] | alone[1])
    linked = opened(tiny, random_study(3, SHAPE), windows=0, link_mm=500.0)
    assert linked.engine.encoded == 0
    assert (linked.segment(drawn(FIRST, FAR)) != both).any()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_a_blob_around_the_click_lands_around_its_voxel(
    order: tuple[int, int, int],
    tiny: Path,
    random_study: StudyMaker,
    oblique: tuple[float, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a decoder that marks 9 mm around each click, on turned and oblique grids."""
    direction = np.array(oblique).reshape(3, 3)[:, order] * np.array([1, -1, -1])
    study = random_study(4, SHAPE, direction=tuple(direction.ravel()))
    session = opened(tiny, study)
    monkeypatch.setattr(session.engine.network, "decode", _mark_around)
    monkeypatch.setattr("lesionloop.segmenters.seganypet.session.honour", lambda mask, _: mask)
    for click in [(20, 16, 13), (1, 1, 1), (39, 32, 26), (38, 2, 14)]:
        mask = session.segment(drawn(([click], "foreground")))
        assert mask[click]
        index = np.moveaxis(np.indices(SHAPE), 0, -1)
        away = np.linalg.norm((index - np.array(click)) * study.grid.spacing, axis=-1)
        # Cells of 6 mm, cubes of 3 mm: the border is known to a diagonal of both halves.
        assert mask[away < 9 - 6].all()
        assert not mask[away > 9 + 8].any()


def _mark_around(
    embedding: object, points: torch.Tensor, labels: torch.Tensor, *_: object
) -> torch.Tensor:
    """Logits that are above 0 within 9 mm (3 cubes) of a positive click."""
    cells = torch.stack(torch.meshgrid(*(torch.arange(16) * 2 + 0.5,) * 3, indexing="ij"), -1)
    away = (cells[:, :, :, None] - points[0][labels[0] == 1]).norm(dim=-1)
    logits: torch.Tensor = (3.0 - away).amax(dim=-1)[None, None]
    return logits


def test_an_object_longer_than_a_window_is_followed(
    tiny: Path, make_study: StudyMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that marks hot voxels: the whole rod comes from one click."""
    pet = np.ones((120, 30, 30), dtype=np.float32)
    pet[5:115, 12:18, 12:18] = 9.0  # 330 mm in windows of 96 mm
    study = make_study(pet, spacing=(3.0, 3.0, 3.0))
    session = opened(tiny, study, windows=26)
    network = session.engine.network
    monkeypatch.setattr(network, "encode", lambda image: (image, None))
    monkeypatch.setattr(
        network,
        "decode",
        lambda embedding, *_: torch.nn.functional.avg_pool3d(embedding[0], 2) - 2.3,
    )
    mask = session.segment(drawn(([(8, 15, 15)], "foreground")))
    assert mask[5:115, 12:18, 12:18].mean() > 0.95
    assert mask.sum() < 1.3 * (pet > 5).sum()
    assert session.engine.encoded > 4
    assert opened(tiny, study, windows=0).segment(drawn(([(8, 15, 15)], "foreground"))).shape


def test_a_long_stroke_has_all_its_clicks_in_windows(tiny: Path, random_study: StudyMaker) -> None:
    points = [(x, 16, 13) for x in range(2, 39)]
    session = opened(tiny, random_study(1, SHAPE, spacing=(9.0, 4.0, 5.0)), windows=0)
    mask = session.segment(drawn((points, "foreground")))
    assert session.engine.encoded >= 3  # 330 mm
    assert mask[2:39, 16, 13].all()


def test_a_network_for_pet_and_ct_needs_a_ct(tiny_with_all: Path, random_study: StudyMaker) -> None:
    with pytest.raises(InputError, match="has no CT"):
        opened(tiny_with_all, random_study(0, SHAPE, with_ct=False))


def test_points_outside_are_refused(tiny: Path, random_study: StudyMaker) -> None:
    with pytest.raises(InputError):
        opened(tiny, random_study(0, SHAPE)).segment(drawn(([(0, 0, 99)], "foreground")))


def test_identity_names_the_weights_and_all_options(tiny: Path, tiny_with_all: Path) -> None:
    one, other = (load_segmenter(f"seganypet:{p}", **CPU).identity for p in (tiny, tiny_with_all))
    assert one["weights"] != other["weights"]
    assert str(tiny) not in str(one)
    moved = load_segmenter(f"seganypet:{tiny}", **CPU, link_mm=5.0)
    assert moved.identity != one
    assert moved.name == "seganypet"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"spacing_mm": 0}, "spacing_mm"),
        ({"clicks": 0}, "clicks"),
        ({"rounds": 1.5}, "rounds must be a whole number"),
        ({"precision": "float8"}, "precision must be float32 or bfloat16"),
        ({"sigma": 1}, "no option 'sigma'"),
    ],
)
def test_options_out_of_range_are_refused(
    tiny: Path, options: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        load_segmenter(f"seganypet:{tiny}", **options)


def mask_of(session: SegAnyPetSession, *strokes: Stroke) -> NDArray[np.bool_]:
    return session.segment(drawn(*strokes))


def test_bfloat16_gives_nearly_the_same_mask(tiny: Path, random_study: StudyMaker) -> None:
    study = random_study(1, SHAPE)
    exact = mask_of(opened(tiny, study, windows=0), FIRST)
    rough = mask_of(opened(tiny, study, windows=0, precision="bfloat16"), FIRST)
    assert 2 * (exact & rough).sum() > 0.9 * (exact.sum() + rough.sum())
