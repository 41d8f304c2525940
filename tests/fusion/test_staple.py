"""STAPLE against its formulas, written out, and against results of SimpleITK 2.2.1."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.fusion import staple

Mask = NDArray[np.bool_]


def plain(masks: list[Mask]) -> NDArray[np.float64]:
    """The expectation-maximisation of Warfield et al., with ITK's beginning."""
    data = np.stack([mask.ravel() for mask in masks]).astype(float)
    prior = data.mean()
    p = np.full(len(masks), 0.99999)
    q = p.copy()
    for _ in range(500):
        a = prior * np.prod(np.where(data > 0, p[:, None], 1 - p[:, None]), axis=0)
        b = (1 - prior) * np.prod(np.where(data > 0, 1 - q[:, None], q[:, None]), axis=0)
        weight = a / (a + b)
        p = (weight * data).sum(axis=1) / weight.sum()
        q = ((1 - weight) * (1 - data)).sum(axis=1) / (1 - weight).sum()
    return np.asarray(weight.reshape(masks[0].shape))


def noisy(seed: int, count: int) -> list[Mask]:
    rng = np.random.default_rng(seed)
    truth = np.zeros((14, 12, 10), dtype=bool)
    truth[3:9, 4:9, 2:7] = True
    return [truth ^ (rng.random(truth.shape) < 0.03 * (k + 1)) for k in range(count)]


@pytest.mark.parametrize(("seed", "count"), [(0, 3), (1, 4), (2, 7)])
def test_equals_its_formulas(seed: int, count: int) -> None:
    masks = noisy(seed, count)
    np.testing.assert_allclose(staple(masks).probability, plain(masks), atol=1e-4)


def test_the_worse_mask_is_trusted_less() -> None:
    said = staple(noisy(3, 4))
    assert list(said.specificity) == sorted(said.specificity, reverse=True)


def test_nothing_in_any_mask() -> None:
    said = staple([np.zeros((4, 5, 6), dtype=bool)] * 3)
    assert not said.probability.any()
    assert np.isnan(said.sensitivity).all()


def test_what_cannot_be_fused() -> None:
    with pytest.raises(InputError, match="two masks"):
        staple([np.ones((3, 3, 3), dtype=bool)])
    with pytest.raises(InputError, match="one shape"):
        staple([np.ones((3, 3, 3), dtype=bool), np.ones((3, 3, 4), dtype=bool)])


def test_equals_the_stored_result(trials_cases: Path) -> None:
    stored = np.load(trials_cases / "dev_staple_01.npz")
    told = json.loads((trials_cases / "dev_staple_01.json").read_text())
    said = staple([mask > 0 for mask in stored["phase_masks"]])
    np.testing.assert_allclose(said.probability, stored["staple_probability"], atol=1e-4)
    np.testing.assert_allclose(said.sensitivity, told["sensitivity"], atol=1e-4)
    np.testing.assert_allclose(said.specificity, told["specificity"], atol=1e-4)
    assert int((said.probability > told["threshold"]).sum()) == told["voxels_above_half"]
