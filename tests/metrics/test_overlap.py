"""Lesion pairs, against the recorded official counts and a loop over all pairs."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.metrics import overlap as overlap_module
from lesionloop.metrics.overlap import find_overlap


@pytest.mark.parametrize(
    ("recorded", "folder"), [("metrics_pairs", "pairs"), ("metrics_real", "real")]
)
def test_pairs_and_sizes_are_the_official_ones(shared: Path, recorded: str, folder: str) -> None:
    fixtures = shared / "fixtures" / "autopet-v"
    results = json.loads((fixtures / "official" / f"{recorded}.json").read_text())["results"]
    assert results
    for name, expected in results.items():
        case = np.load(fixtures / folder / f"{name}.npz")
        overlap = find_overlap(case["pred"], case["gt"], connectivity=18)
        assert sorted(overlap.reference_voxels) == expected["gt_voxels"], name
        assert sorted(overlap.prediction_voxels) == expected["pred_voxels"], name
        np.testing.assert_allclose(sorted(overlap.iou()), expected["pair_iou"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("largest_table", [0, 2**22])
def test_pairs_agree_with_a_loop_over_all_pairs(
    monkeypatch: pytest.MonkeyPatch, largest_table: int
) -> None:
    monkeypatch.setattr(overlap_module, "_LARGEST_TABLE", largest_table)
    rng = np.random.default_rng(11)
    edges = ndimage.generate_binary_structure(3, 2)
    for density in (0.02, 0.1, 0.25):
        prediction, reference = rng.random((2, 9, 7, 5)) < density
        labels, n = ndimage.label(prediction, edges)
        instances, m = ndimage.label(reference, edges)
        by_hand = sorted(
            (int((instances == i).sum()), int((labels == j).sum()), int(both))
            for i in range(1, m + 1)
            for j in range(1, n + 1)
            if (both := ((instances == i) & (labels == j)).sum())
        )
        overlap = find_overlap(prediction, reference, connectivity=18)
        found = sorted(
            (int(overlap.reference_voxels[i]), int(overlap.prediction_voxels[j]), int(both))
            for (i, j), both in zip(overlap.pairs, overlap.shared_voxels, strict=True)
        )
        assert found == by_hand


def test_an_instance_map_is_taken_as_it_is() -> None:
    reference = np.zeros((6, 5, 4), np.int16)
    reference[0, 0, 0] = reference[5, 4, 3] = 3  # one lesion in two pieces
    reference[2, 2, 2] = 1
    overlap = find_overlap(reference == 3, reference, connectivity=18)
    np.testing.assert_array_equal(overlap.reference_voxels, [1, 0, 2])
    np.testing.assert_array_equal(overlap.pairs[:, 0], [2, 2])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((2, 3, 4), 0.5), "bool or integers"),
        (np.full((2, 3, 4), -1), "value -1"),
        (np.full((2, 3, 4), 2**24 + 1), "value 16777217"),
    ],
)
def test_what_is_no_mask_is_refused(values: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_overlap(values, np.zeros((2, 3, 4), bool), connectivity=18)
