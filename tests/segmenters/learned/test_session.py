"""The learned segmenter with a network that anybody can compute by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume, write_mask
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.learned.network import load_runtime

StudyMaker = Callable[..., Study]


def two_spots(shape: tuple[int, int, int] = (40, 36, 30)) -> NDArray[np.float32]:
    pet = np.full(shape, 0.6, np.float32, order="F")
    pet[6:14, 6:14, 6:14] = 8.0
    pet[26:34, 20:28, 18:26] = 1.6
    return pet


def test_scribbles_take_away_and_bring_back(make_study: StudyMaker, tiny_weights: Path) -> None:
    study = make_study(two_spots(), spacing=(4.0, 4.0, 4.0))
    session = load_segmenter("default", weights=tiny_weights).open(study)
    first = session.segment(ScribbleSet())
    assert first[8:12, 8:12, 8:12].all()
    assert not first[26:34, 20:28, 18:26].any()
    line = [[x, 24, 22] for x in range(27, 33)]
    found = session.segment(ScribbleSet().add(line, "foreground"))
    assert found[27:33, 24, 22].all()
    assert found[28:32, 23:26, 21:24].all(), "more than lonely voxels"
    np.testing.assert_array_equal(found[:16], first[:16])
    struck = session.segment(ScribbleSet().add([[9, 9, 9], [10, 9, 9]], "background"))
    assert struck.sum() < first.sum()


def test_a_given_mask_stays_to_the_voxel_where_nothing_is_drawn(
    make_study: StudyMaker, tiny_weights: Path, tmp_path: Path
) -> None:
    study = make_study(two_spots(), spacing=(2.1, 3.3, 5.0))
    given = np.random.default_rng(3).random(study.grid.shape) < 0.3
    path = tmp_path / "given.nii.gz"
    write_mask(given, study, path)
    session = load_segmenter("default", weights=tiny_weights, start=path, reach_mm=20.0).open(study)
    np.testing.assert_array_equal(session.segment(ScribbleSet()), given)
    scribbles = ScribbleSet().add([[10, 10, 10]], "foreground")
    mask = session.segment(scribbles)
    distance = np.sqrt(
        sum(
            ((np.arange(n).reshape([-1 if a == d else 1 for a in range(3)]) - 10) * s) ** 2
            for d, (n, s) in enumerate(zip(study.grid.shape, study.grid.spacing, strict=True))
        )
    )
    assert not (mask ^ given)[distance > 20 + 11].any()
    assert (mask ^ given).any()
    np.testing.assert_array_equal(session.segment(ScribbleSet()), given)


def test_axes_do_not_matter(random_study: StudyMaker, tiny_weights: Path) -> None:
    study = random_study(3, (24, 20, 16), spacing=(2.0, 2.4, 4.0))
    scribbles = np.array([[9, 8, 7], [10, 8, 7], [11, 8, 7]])
    segmenter = load_segmenter("default", weights=tiny_weights)
    one = segmenter.open(study).segment(ScribbleSet().add(scribbles, "foreground"))
    order = (2, 0, 1)
    grid = study.grid
    matrix = np.array(grid.direction).reshape(3, 3)[:, order]
    turned = Grid(
        tuple(grid.shape[a] for a in order),  # type: ignore[arg-type]
        tuple(grid.spacing[a] for a in order),  # type: ignore[arg-type]
        grid.origin,
        tuple(matrix.ravel()),
    )
    assert study.ct is not None
    twin = Study(
        Volume(study.pet.values.transpose(order), turned, Quantity.SUV_BW),
        Volume(study.ct.values.transpose(order), turned, Quantity.HU),
        "twin",
    )
    points = scribbles[:, order]
    two = segmenter.open(twin).segment(ScribbleSet().add(points, "foreground"))
    assert one.any()
    np.testing.assert_array_equal(two, one.transpose(order))


def test_small_unsure_parts_go_unless_they_are_asked_for(
    make_study: StudyMaker, tiny_weights: Path
) -> None:
    pet = np.full((30, 30, 30), 0.6, np.float32)
    pet[8:10, 8:10, 8:10] = 12.0  # half a millilitre; its averaged logit is just above 0
    study = make_study(pet, spacing=(4.0, 4.0, 4.0))
    keep, drop = (
        load_segmenter("default", weights=tiny_weights, least_ml=ml, sure=0.999).open(study)
        for ml in (0.0, 2.0)
    )
    assert keep.segment(ScribbleSet()).any()
    assert not drop.segment(ScribbleSet()).any()
    asked = drop.segment(ScribbleSet().add([[8, 8, 8]], "foreground"))
    assert asked[8:10, 8:10, 8:10].all()


def test_advice_names_the_lesion_and_the_doubtful_place(
    make_study: StudyMaker, tiny_weights: Path
) -> None:
    pet = two_spots()
    pet[26:34, 20:28, 18:26] = 2.2  # logit -0.6: a probability of about a third
    study = make_study(pet, spacing=(4.0, 4.0, 4.0))
    session: Any = load_segmenter("default", weights=tiny_weights).open(study)
    (lesion,) = session.lesions(ScribbleSet())
    assert all(6 <= p < 14 for p in lesion.point)
    assert lesion.suv_max == pytest.approx(8)
    assert lesion.confidence > 0.9
    mask = session.segment(ScribbleSet())
    assert lesion.volume_ml == pytest.approx(mask.sum() * 0.064)
    places = session.next_places(ScribbleSet())
    assert places[0].kind == "missed"
    assert 26 <= places[0].point[0] < 34
    # The middle of the spot has logit 2 x 2.2 - 5.
    assert 0.2 < places[0].probability < 0.36
    # The network averages over a neighbourhood, so the rim of the 8 x 8 x 8 voxels counts for less.
    assert 6**3 < places[0].gain_ml / 0.064 * (1 + np.exp(0.6)) < 8**3
    judged = ScribbleSet().add([[30, 24, 22]], "background")
    assert all(place.point[0] < 20 for place in session.next_places(judged)), "looked at already"
    probability = session.probability(ScribbleSet())
    assert probability.shape == mask.shape
    inner = (slice(28, 32), slice(22, 26), slice(20, 24))
    np.testing.assert_allclose(probability[inner], 1 / (1 + np.exp(0.6)), atol=1e-3)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"threshold": 1.0}, "threshold"),
        ({"reach_mm": 5}, "reach_mm"),
        ({"backend": "tpu"}, "backend"),
        ({"threads": 0}, "threads"),
        ({"threads": 1.5}, "whole number"),
        ({"sure": "yes"}, "sure"),
    ],
)
def test_senseless_options_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        load_segmenter("default", **options)


def test_damaged_weights_are_named(
    make_study: StudyMaker, tiny_weights: Path, tmp_path: Path
) -> None:
    study = make_study(two_spots())
    with pytest.raises(InputError, match=r"network\.json"):
        load_segmenter("default", weights=tmp_path).open(study)
    (tmp_path / "network.json").write_bytes((tiny_weights / "network.json").read_bytes())
    with pytest.raises(InputError, match=r"network\.onnx"):
        load_segmenter("default", weights=tmp_path).open(study)
    (tmp_path / "network.onnx").write_bytes(b"not a network")
    with pytest.raises(InputError, match=r"network\.onnx is not a network"):
        load_segmenter("default", weights=tmp_path).open(study)
    (tmp_path / "network.json").write_text("{}")
    with pytest.raises(InputError, match=r"network\.json is not a description"):
        load_segmenter("default", weights=tmp_path).open(study)


def test_other_weights_are_another_identity(tiny_weights: Path) -> None:
    shipped, tiny = load_segmenter("default"), load_segmenter("default", weights=tiny_weights)
    assert shipped.identity["weights"] != tiny.identity["weights"]
    assert len(str(tiny.identity["weights"])) == 64


def test_nothing_changes_beyond_the_reach_with_specks_too(
    make_study: StudyMaker, tiny_weights: Path
) -> None:
    """What a stroke cuts off beyond its reach is small and faint, and stays as it was."""
    pet = np.full((60, 24, 24), 0.6, np.float32)
    pet[10:22, 9:15, 9:15] = 5.0
    study = make_study(pet, spacing=(4.0, 4.0, 4.0))
    segmenter = load_segmenter(
        "default", weights=tiny_weights, reach_mm=20.0, least_ml=25.0, sure=0.999999
    )
    session = segmenter.open(study)
    first = session.segment(ScribbleSet())
    assert first.sum() * 0.064 > 25, "large enough to stay at first"
    line = [[x, y, 12] for x in range(8, 12) for y in (10, 13)]
    scribbles = ScribbleSet().add(line, "background")
    mask = session.segment(scribbles)
    changed = np.argwhere(mask ^ first)
    away = np.linalg.norm((changed[:, None] - np.array(line)[None]) * 4.0, axis=2).min(axis=1)
    assert len(changed)
    assert away.max() <= 20
    assert mask[18:22, 10:14, 10:14].all()
    np.testing.assert_array_equal(segmenter.open(study).segment(scribbles), mask)


def test_weights_that_were_written_anew_are_read_anew(tiny_weights: Path, tmp_path: Path) -> None:
    """A process that trains again into a folder segments with the new network."""
    onnx = pytest.importorskip("onnx")
    for name in ("network.onnx", "network.json"):
        (tmp_path / name).write_bytes((tiny_weights / name).read_bytes())
    inputs = np.ones((7, 8, 8, 8), np.float32)
    before = load_runtime(tmp_path, "onnx", 1).run(inputs)[4, 4, 4]
    old = load_segmenter("default", weights=tmp_path).identity["weights"]
    model = onnx.load(str(tmp_path / "network.onnx"))
    (bias,) = (c for c in model.graph.initializer if c.name == "bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(np.array([1], np.float32), "bias"))
    onnx.save(model, str(tmp_path / "network.onnx"))
    after = load_runtime(tmp_path, "onnx", 1).run(inputs)[4, 4, 4]
    assert after == pytest.approx(before + 6)
    assert load_segmenter("default", weights=tmp_path).identity["weights"] != old


def test_damaged_torch_weights_are_named(tiny_weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    for content in (b"nonsense", b""):
        (tmp_path / "network.pt").write_bytes(content)
        with pytest.raises(InputError, match=r"network\.pt is not a network"):
            load_runtime(tmp_path, "torch", 1)
        (tmp_path / "network.pt").unlink()
