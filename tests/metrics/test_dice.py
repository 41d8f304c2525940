import json
from pathlib import Path

import numpy as np
import pytest

from lesionloop.metrics import auc, voxel_dice


def test_closed_form_for_any_numbers() -> None:
    first = np.zeros((6, 5, 4), np.float32, order="F")
    second = np.zeros((6, 5, 4), np.uint8)
    first[0:3, 1, 1] = 0.5
    first[5, 4, 3] = -1  # not above 0
    second[2:4, 1, 1] = 9
    assert voxel_dice(first, second) == pytest.approx(2 * 1 / (3 + 2))


@pytest.mark.parametrize(
    ("n_first", "n_second", "expected"), [(0, 0, 1.0), (0, 1, 0.0), (1, 0, 0.0)]
)
def test_empty_masks(n_first: int, n_second: int, expected: float) -> None:
    first, second = np.zeros((2, 4, 3, 2), bool)
    first[:n_first, 0, 0] = True
    second[:n_second, 0, 0] = True
    assert voxel_dice(first, second) == expected


def test_stored_run_of_the_official_repository(shared: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    folder = shared / "data" / "autopet-v-official" / "test"
    run = folder / "final_output"
    stored = json.loads((run / "dice_scores.json").read_text())
    area = json.loads((run / "dice_scores_AUC.json").read_text())
    for tag, steps in stored.items():
        label = folder / "labels" / f"{tag.removesuffix('_0000')}.nii.gz"
        reference = np.asarray(nibabel.load(label).dataobj)
        dice = [
            voxel_dice(
                np.asarray(nibabel.load(run / tag / f"iter_{step['iteration']}.nii.gz").dataobj),
                reference,
            )
            for step in steps
        ]
        assert dice == pytest.approx([step["dice"] for step in steps], rel=0, abs=1e-12)
        assert auc(dice) == pytest.approx(area[tag]["auc"], rel=0, abs=1e-12)
        assert auc(dice) == pytest.approx(3.5140785408227924, rel=0, abs=1e-12)
