import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.metrics import CaseScore, aggregate, mean_without_nan, score_case, subset_of


def case(dsc: float, tp: int, fp: int, fn: int) -> CaseScore:
    f1 = 2 * tp / (2 * tp + fp + fn) if tp + fn else math.nan
    return CaseScore(dsc, tp, fp, fn, f1, 0.0, 0.0, tp + fn, tp + fp)


def test_aggregates_are_the_official_ones(shared: Path) -> None:
    fixtures = shared / "fixtures" / "autopet-v"
    expected = json.loads((fixtures / "official" / "aggregate_pairs.json").read_text())["results"]
    scores = {}
    for name in expected["cases"]:
        masks = np.load(fixtures / "pairs" / f"{name}.npz")
        scores[name] = score_case(masks["pred"], masks["gt"], masks["spacing"])

    plain, weighted = aggregate(scores), aggregate(scores, weighted=True)
    assert plain.dsc == pytest.approx(expected["unweighted"]["dsc"], rel=0, abs=1e-9)
    assert plain.f1 == pytest.approx(expected["unweighted"]["f1_aggregated"], rel=0, abs=1e-9)
    theirs = expected["weighted"]
    assert weighted.dsc == pytest.approx(theirs["dsc_weighted"], rel=0, abs=1e-9)
    assert weighted.f1 == pytest.approx(theirs["f1_aggregated_weighted"], rel=0, abs=1e-9)
    for subset in expected["subsets"]:
        part = aggregate(score for name, score in scores.items() if subset_of(name) == subset)
        theirs = expected["per_subset"][subset]
        assert part.dsc == pytest.approx(theirs["dsc"], rel=0, abs=1e-9)
        assert part.f1 == pytest.approx(theirs["f1_aggregated"], rel=0, abs=1e-9)


def test_f1_comes_from_sums_and_dice_from_the_mean() -> None:
    scores = [case(0.5, 1, 2, 3), case(1.0, 5, 0, 0), case(math.nan, 0, 4, 0)]
    pooled = aggregate(scores)
    assert pooled.dsc == pytest.approx(0.75)
    assert pooled.f1 == pytest.approx(12 / (12 + 6 + 3))


def test_a_subset_without_lesions_drops_out_with_its_false_positives() -> None:
    scores = {
        "fdg_a_1": case(0.5, 1, 1, 0),
        "fdg_b_1": case(math.nan, 0, 9, 0),
        "psma_a_x_y": case(0.7, 0, 0, 2),
    }
    weighted = aggregate(scores, weighted=True)
    assert weighted.f1 == pytest.approx((2 / 3 + 0) / 2)
    assert weighted.dsc == pytest.approx(0.6)


def test_nothing_to_average_is_nan() -> None:
    nothing = aggregate([])
    assert math.isnan(nothing.dsc)
    assert math.isnan(nothing.f1)
    assert math.isnan(mean_without_nan([math.nan]))


def test_weighted_needs_two_named_subsets() -> None:
    score = case(0.5, 1, 1, 1)
    with pytest.raises(InputError, match="at least two subsets"):
        aggregate({"fdg_a_1": score, "fdg_a_2": replace(score, dsc=1.0)}, weighted=True)
    with pytest.raises(InputError, match="case names"):
        aggregate([score, score], weighted=True)
    with pytest.raises(InputError, match="names no subset"):
        aggregate({"case": score, "fdg_a_1": score}, weighted=True)
