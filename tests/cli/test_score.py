"""``lesionloop score``: masks against their references."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Cli = Callable[..., Any]


def test_one_mask(cli: Cli, files: Any, small: Any) -> None:
    """By hand: two lesions, one met and one missed; one part too much, away from both."""
    mask, label = small.mask().astype(bool), small.label().astype(bool)
    dice = 2 * (mask & label).sum() / (mask.sum() + label.sum())
    outcome = cli("score", "--prediction", files.mask, "--reference", files.label, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    result = json.loads(outcome.out)
    (case,) = result["cases"]
    assert case["case"] == small.name
    assert case["dice"] == pytest.approx(dice, abs=1e-12)
    assert (case["tp"], case["fp"], case["fn"]) == (1, 1, 1)
    assert case["f1"] == 0.5
    assert case["fnv_ml"] == pytest.approx(small.ball((7, 14, 5), 1.5).sum() * 0.12)
    assert case["fpv_ml"] == pytest.approx(small.ball((18, 6, 12), 2.0).sum() * 0.12)
    assert result["aggregate"]["unweighted"]["f1"] == 0.5


def test_the_table(cli: Cli, files: Any) -> None:
    outcome = cli("score", "--prediction", files.mask, "--reference", files.label)
    assert (outcome.code, outcome.err) == (0, "")
    assert "fdg_a.b c" in outcome.out
    assert "0.5000" in outcome.out
    assert "unweighted: dsc 0." in outcome.out


def test_two_folders_are_paired_by_name(cli: Cli, small: Any, tmp_path: Path) -> None:
    """Whatever the formats; a prediction without a reference is said and left out."""
    labels, masks = tmp_path / "labels", tmp_path / "masks"
    for number, name in enumerate(("fdg_x.1", "psma_y 2", "fdg_z")):
        small.write(labels / f"{name}.nii.gz", small.label())
        small.write(masks / f"{name}.mha", small.mask() if number else small.label())
    small.write(masks / "fdg_more.mha", small.mask())
    (labels / "notes.txt").write_text("not an image")
    outcome = cli("score", "--prediction", masks, "--reference", labels, "--json")
    assert outcome.code == 0
    assert outcome.err == "note: 1 prediction without a reference is left out: fdg_more\n"
    result = json.loads(outcome.out)
    assert [case["case"] for case in result["cases"]] == ["fdg_x.1", "fdg_z", "psma_y 2"]
    assert [case["dice"] == 1 for case in result["cases"]] == [True, False, False]
    assert set(result["aggregate"]) == {"unweighted", "weighted"}


def test_empty_masks_give_null_where_there_is_no_number(
    cli: Cli, small: Any, tmp_path: Path
) -> None:
    """Strict JSON has no NaN; the table shows a dash."""
    empty = small.write(tmp_path / "empty.nii.gz", np.zeros(small.shape, np.uint8))
    outcome = cli("score", "--prediction", empty, "--reference", empty, "--json")
    assert outcome.code == 0
    assert "NaN" not in outcome.out
    (case,) = json.loads(outcome.out)["cases"]
    assert None in case.values()
    assert "–" in cli("score", "--prediction", empty, "--reference", empty).out  # noqa: RUF001
