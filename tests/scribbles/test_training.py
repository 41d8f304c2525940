"""Scribbles drawn from a label alone: against a plain version and the published files."""

import json
import random
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.scribbles import (
    STRATEGIES,
    ScribbleSet,
    heat_maps,
    simulate_scribble,
    training_scribbles,
)


def lesions(shape: tuple[int, int, int], seed: int, number: int = 9) -> NDArray[np.uint8]:
    """Ellipsoids here and there, some at the border."""
    rng = np.random.default_rng(seed)
    label = np.zeros(shape, dtype=np.uint8, order="F")
    place = np.indices(shape)
    for _ in range(number):
        middle = rng.uniform(0, shape)
        radii = rng.uniform(0.8, 4.5, size=3)
        scaled = (place - middle[:, None, None, None]) / radii[:, None, None, None]
        label[(scaled**2).sum(axis=0) < 1] = 1
    return label


def plain(mask: NDArray[np.bool_], strategy: str, components: int) -> list[list[int]] | None:
    """Points on some components; None when one is in pieces (not to be had from single slices)."""
    # Transposed, so that scipy numbers the components in the order of their first voxel, x fastest.
    labels, number = ndimage.label(mask.T, structure=np.ones((3, 3, 3)))
    points: set[tuple[int, ...]] = set()
    for chosen in random.Random(42).sample(list(range(1, number + 1)), min(components, number)):
        part = chosen == labels.T
        z = int(np.argmax(part.sum(axis=(0, 1))))
        one_slice = np.zeros(mask.shape, dtype=bool)
        one_slice[:, :, z] = part[:, :, z]
        if ndimage.label(one_slice[:, :, z], structure=np.ones((3, 3)))[1] > 1:
            return None
        points |= {tuple(p) for p in simulate_scribble(one_slice, strategy).tolist()}
    return [list(point) for point in sorted(points)]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("components", [1, 3, 50])
def test_equals_the_plain_rules(strategy: str, components: int) -> None:
    compared = 0
    for seed in range(6):
        label = lesions((34, 30, 22), seed)
        shell = ndimage.binary_dilation(label, iterations=2) & (label == 0)
        drawn = training_scribbles(label, strategy, components=components)
        foreground = plain(label > 0, strategy, components)
        background = plain(shell, strategy, components)
        if foreground is not None:
            assert drawn.foreground.tolist() == foreground
            compared += 1
        if background is not None:
            assert drawn.background.tolist() == background
            compared += 1
        assert [(s.label, s.step) for s in drawn] == [("foreground", 1), ("background", 1)]
    assert compared >= 6


def test_neither_memory_order_nor_type_matter_and_the_label_stays() -> None:
    label = lesions((34, 30, 22), seed=8)
    before = label.copy()
    expected = training_scribbles(label, "random")
    for same in (np.ascontiguousarray(label), label > 0, label.astype(np.int32) * 3):
        assert training_scribbles(same, "random") == expected
    np.testing.assert_array_equal(label, before)


def test_a_slice_in_pieces_is_drawn_on_as_a_whole() -> None:
    # Two single voxels in the slice with most, joined one slice above: too small for a skeleton,
    # so both are the scribble, not the first alone.
    label = np.zeros((9, 7, 4), dtype=np.uint8)
    label[2, 3, 1] = label[4, 3, 1] = label[3, 3, 2] = 1
    assert training_scribbles(label, "centerline").foreground.tolist() == [[2, 3, 1], [4, 3, 1]]


def test_an_empty_label_gives_no_scribbles() -> None:
    empty = training_scribbles(np.zeros((5, 4, 3), dtype=np.uint8), "centerline")
    assert empty == ScribbleSet()
    for values in heat_maps(empty, (5, 4, 3)):
        assert values.shape == (5, 4, 3)
        assert not values.any()


def test_a_label_without_an_outside_gives_foreground_only() -> None:
    drawn = training_scribbles(np.ones((5, 4, 3), dtype=np.uint8), "boundary")
    assert [s.label for s in drawn] == ["foreground"]


def test_one_voxel_in_the_corner() -> None:
    label = np.zeros((5, 4, 3), dtype=np.uint8)
    label[4, 3, 2] = 1
    drawn = training_scribbles(label, "centerline")
    assert drawn.foreground.tolist() == [[4, 3, 2]]
    shell = ndimage.binary_dilation(label, iterations=2) & (label == 0)
    assert shell[tuple(drawn.background.T)].all()


def test_refuses_bad_arguments() -> None:
    label = np.ones((5, 4, 3), dtype=np.uint8)
    with pytest.raises(InputError, match="at least 1, not 0"):
        training_scribbles(label, "random", components=0)
    with pytest.raises(InputError, match="'spiral'"):
        training_scribbles(np.zeros_like(label), "spiral")
    with pytest.raises(InputError, match="label has shape"):
        training_scribbles(label[0], "random")


def test_heat_maps_are_one_at_the_points() -> None:
    scribbles = (
        ScribbleSet()
        .add([[1, 2, 0], [1, 2, 0]], "foreground")
        .add([[4, 3, 2], [1, 2, 0]], "background")
    )
    foreground, background = heat_maps(scribbles, (5, 4, 3))
    assert foreground.dtype == background.dtype == np.float32
    assert np.argwhere(foreground == 1).tolist() == [[1, 2, 0]]
    assert np.argwhere(background == 1).tolist() == [[1, 2, 0], [4, 3, 2]]
    assert (foreground.sum(), background.sum()) == (1, 2)


def test_heat_maps_refuse_points_outside() -> None:
    with pytest.raises(InputError, match="outside the grid"):
        heat_maps(ScribbleSet().add([[1, 2, 3]], "foreground"), (5, 4, 3))


@pytest.mark.parametrize(
    ("label", "study"),
    [
        ("test/labels/psma_ffcaa75377465b37_2018-03-04.nii.gz", "psma_ffcaa75377465b37_2018-03-04"),
        ("tutorials/label.nii.gz", "fdg_0b57b247b6_05-02-2002"),
    ],
)
def test_reproduces_the_published_scribbles(shared: Path, label: str, study: str) -> None:
    image = nibabel.load(shared / "data" / "autopet-v-official" / label)
    drawn = training_scribbles(np.asanyarray(image.dataobj), "centerline")
    (published,) = (shared / "data" / "anatomy").glob(f"{study}*_lesion-clicks.json")
    content: dict[str, Any] = json.loads(published.read_text(encoding="utf-8"))
    for points, name in ((drawn.foreground, "tumor"), (drawn.background, "background")):
        expected = [entry["point"] for entry in content["points"] if entry["name"] == name]
        assert points.tolist() == expected
    assert ScribbleSet.read(published) == drawn
