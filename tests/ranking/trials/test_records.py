"""Records per case: files, data sets, and the bootstrap against a slow one."""

from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from lesionloop.errors import InputError
from lesionloop.ranking.trials import (
    BLOCKS,
    PENALTY,
    TRIALS_METRICS,
    CaseRecord,
    TrialsRules,
    bootstrap_task,
    cell_of,
    rank_task,
    read_records,
    tables_of_task,
    write_records,
)
from lesionloop.ranking.trials.data_sets import LESION_MEANS
from lesionloop.ranking.trials.records import stack_records
from lesionloop.ranking.trials.resampling import draw_cases

Make = Callable[..., list[CaseRecord]]

ONE = CaseRecord(
    "task1", "x", "a", "case1",
    tp0=2, fp0=1, fn0=0, tp05=1, fp05=2, fn05=1,
    intersection=30, volumes=100, dice=0.6,
    sum_dice=0.8, sum_jaccard=2 / 3, sum_voe=1 / 3, sum_rvd=0.2, sum_assd=1, sum_rmsd=2, sum_msd=4,
    reference=45,
)  # fmt: skip


def test_a_data_set_by_hand() -> None:
    other = replace(
        ONE, case="case2", tp0=1, fp0=0, fn0=2, tp05=1, fp05=0, fn05=2, dice=0.1,
        intersection=5, volumes=100, sum_voe=0.5, sum_assd=3,
    )  # fmt: skip
    cell = cell_of(stack_records([ONE, other], ["a"]))
    found = {name: float(values[0]) for name, values in cell.values.items()}
    assert found["dice_per_case"] == pytest.approx(0.35)
    assert found["dice_global"] == pytest.approx(2 * 35 / 200)
    assert found["precision_iou05"] == 2 / 4
    assert found["recall_iou05"] == 2 / 5
    assert found["precision_iou0"] == 3 / 4
    assert found["recall_iou0"] == 3 / 5
    # Two accepted, two false, three missed.
    assert found["voe"] == pytest.approx((1 / 3 + 0.5 + 5) / 7)
    assert found["assd"] == pytest.approx((1 + 3 + 5 * PENALTY) / 7)
    accepted = cell_of(stack_records([ONE, other], ["a"]), "accepted").values
    assert accepted["assd"][0] == 2
    assert accepted["voe"][0] == pytest.approx((1 / 3 + 0.5) / 2)


def test_nothing_at_all_is_not_defined() -> None:
    empty = replace(
        ONE, tp0=0, fp0=0, fn0=0, tp05=0, fp05=0, fn05=0, intersection=0, volumes=0, dice=1,
        reference=0,
    )  # fmt: skip
    found = cell_of(stack_records([empty], ["a"])).values
    assert np.isnan(found["dice_global"][0])
    assert np.isnan(found["assd"][0])
    assert (found["dice_per_case"][0], found["precision_iou0"][0]) == (1, 0)
    assert np.isnan(cell_of(stack_records([empty], ["a"]), "accepted").values["assd"][0])
    false = replace(empty, fp0=1, fp05=1, volumes=9, dice=0)
    assert cell_of(stack_records([false], ["a"]), "accepted").values["assd"][0] == PENALTY
    with pytest.raises(InputError, match="lesion means"):
        cell_of(stack_records([empty], ["a"]), "both")  # type: ignore[arg-type]


def test_a_missing_prediction() -> None:
    there = [ONE, replace(ONE, competitor="b"), replace(ONE, case="case2", competitor="b")]
    worst = cell_of(stack_records(there, ["a", "b"])).values
    assert worst["dice_per_case"][0] == 0.3
    assert worst["recall_iou0"][0] == 2 / 4
    assert worst["dice_global"][0] == pytest.approx(2 * 30 / (100 + 45))
    skipped = cell_of(stack_records(there, ["a", "b"], "skip")).values
    assert skipped["dice_per_case"][0] == 0.6
    assert skipped["recall_iou0"][0] == 1
    unknown = [replace(record, reference=nan) for record in there]
    with pytest.raises(InputError, match="worst values are not known"):
        stack_records(unknown, ["a", "b"])
    assert cell_of(stack_records(unknown, ["a", "b"], "skip")).values["dice_per_case"][0] == 0.6


def test_records_that_contradict_each_other_are_refused() -> None:
    for changes, message in (
        ({"fn0": 1}, "reference has 3 lesions"),
        ({"fp0": 2}, "prediction has 4 lesions"),
        ({"dice": 1.1}, "above 1"),
        ({"sum_assd": -1.0}, "sum_assd is -1"),
        ({"volumes": nan}, "volumes is nan"),
    ):
        with pytest.raises(InputError, match=message):
            replace(ONE, **changes)
    with pytest.raises(InputError, match="two records"):
        stack_records([ONE, ONE], ["a"])
    other = replace(ONE, competitor="b", fn0=1, fn05=2)
    with pytest.raises(InputError, match="different references"):
        stack_records([ONE, other], ["a", "b"])
    with pytest.raises(InputError, match="one centre"):
        stack_records([ONE, replace(ONE, centre="y")], ["a"])


def test_a_table_of_records_is_read_as_it_was_written(make_records: Make, tmp_path: Path) -> None:
    records = make_records(("visible", "combined"))
    path = tmp_path / "case_records.csv"
    write_records(path, records)
    assert read_records(path) == records
    text = path.read_text().splitlines()
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join([text[0], text[1].replace("visible", "hidden")]))
    with pytest.raises(InputError, match="unknown block"):
        read_records(bad)
    bad.write_text("\n".join([text[0].replace("tp05", "tp"), text[1]]))
    with pytest.raises(InputError, match="no column 'tp05'"):
        read_records(bad)
    bad.write_text("\n".join([text[0], "x," + text[1]]))
    with pytest.raises(InputError, match="line 2"):
        read_records(bad)


def slow_values(records: list[CaseRecord], lesion_means: str) -> dict[str, float]:
    """Metrics of one competitor's records, drawn ones as often as they stand there."""

    def total(name: str) -> float:
        return sum(float(getattr(record, name)) for record in records)

    def share(part: float, whole: float, empty: float) -> float:
        return part / whole if whole else empty

    found = {
        "dice_per_case": total("dice") / len(records),
        "dice_global": share(2 * total("intersection"), total("volumes"), nan),
    }
    for t in ("05", "0"):
        found[f"precision_iou{t}"] = share(total(f"tp{t}"), total(f"tp{t}") + total(f"fp{t}"), 0)
        found[f"recall_iou{t}"] = share(total(f"tp{t}"), total(f"tp{t}") + total(f"fn{t}"), 0)
    wrong = total("fp05") + total("fn05")
    for name in ("voe", "rvd", "assd", "rmsd", "msd"):
        penalty = 1 if name == "voe" else PENALTY
        if lesion_means == "penalised":
            found[name] = share(total(f"sum_{name}") + penalty * wrong, total("tp05") + wrong, nan)
        else:
            worst = penalty if total("volumes") else nan
            found[name] = share(total(f"sum_{name}"), total("tp05"), worst)
    return found


@pytest.mark.parametrize("lesion_means", LESION_MEANS)
def test_the_bootstrap_is_that_of_cases_written_out(make_records: Make, lesion_means: str) -> None:
    records = make_records(("visible", "combined"))
    resamples, seed = 25, 7
    names = ("a", "b", "c")
    tables = tables_of_task(records, "task2")
    boot = bootstrap_task(tables, lesion_means=lesion_means, resamples=resamples, seed=seed)  # type: ignore[arg-type]
    for resample in range(resamples):
        means = []
        for block in ("visible", "combined"):
            for centre in ("north", "south"):
                mine = [r for r in records if (r.block, r.centre) == (block, centre)]
                cases = sorted({r.case for r in mine})
                drawn = draw_cases(centre, cases, resamples, seed)[resample].astype(int)
                values = [
                    slow_values(
                        [
                            r
                            for case, times in zip(cases, drawn, strict=True)
                            for r in mine
                            if (r.competitor, r.case) == (name, case)
                            for _ in range(times)
                        ],
                        lesion_means,
                    )
                    for name in names
                ]
                ranks = []
                for metric in BLOCKS[block].metrics:
                    column = np.array([value[metric] for value in values])
                    np.testing.assert_allclose(
                        boot.means[f"{block}/{centre}/{metric}"][resample], column, rtol=1e-12
                    )
                    sign = -1 if TRIALS_METRICS[metric].higher_is_better else 1
                    ranks.append(rankdata(np.nan_to_num(np.round(sign * column, 9), nan=1e9)))
                means.append(np.mean(ranks, axis=0))
        np.testing.assert_allclose(boot.combined[resample], np.mean(means, axis=0))
    assert boot.place_shares().sum(axis=1) == pytest.approx(1)


def test_both_references_get_the_same_cases(make_records: Make) -> None:
    records = make_records(("visible",))
    twins = [replace(record, block="combined") for record in records]
    boot = bootstrap_task(tables_of_task([*records, *twins], "task2"), resamples=40)
    for metric in BLOCKS["combined"].metrics:
        np.testing.assert_array_equal(
            boot.means[f"visible/north/{metric}"], boot.means[f"combined/north/{metric}"]
        )
    assert np.ptp(boot.means["visible/north/dice_per_case"]) > 0


def test_drawings() -> None:
    cases = [f"c{n}" for n in range(17)]
    counts = draw_cases("x", cases, 4000, seed=1)
    np.testing.assert_array_equal(counts.sum(axis=1), 17)
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.1)
    np.testing.assert_array_equal(counts, draw_cases("x", cases, 4000, seed=1))
    assert not np.array_equal(counts, draw_cases("x", cases, 4000, seed=2))
    assert not np.array_equal(counts, draw_cases("y", cases, 4000, seed=1))


def test_one_case_per_centre_leaves_nothing_to_chance(make_records: Make) -> None:
    records = make_records(cases=1, seed=5)
    tables = tables_of_task(records, "task1")
    boot = bootstrap_task(tables, resamples=9)
    ranking = rank_task([cell_of(table) for table in tables], "task1")
    np.testing.assert_allclose(boot.combined, np.tile(ranking.average, (9, 1)))
    np.testing.assert_array_equal(boot.place_interval(), np.stack([ranking.place] * 2, axis=1))


def test_who_is_better_on_every_case_is_always_first(make_records: Make) -> None:
    records = [
        replace(
            record, competitor="best", dice=1, tp0=record.tp0 + record.fn0, fp0=0, fn0=0,
            tp05=record.tp0 + record.fn0, fp05=0, fn05=0, intersection=record.reference,
            volumes=2 * record.reference, sum_voe=0, sum_rvd=0, sum_assd=0, sum_rmsd=0, sum_msd=0,
        )
        for record in make_records()
        if record.competitor == "a"
    ]  # fmt: skip
    boot = bootstrap_task(tables_of_task([*make_records(), *records], "task1"), resamples=50)
    best = boot.algorithms.index("best")
    np.testing.assert_array_equal(boot.places[:, best], 1)


def test_a_competitor_without_a_centre(make_records: Make) -> None:
    records = [r for r in make_records() if (r.competitor, r.centre) != ("b", "south")]
    worst = bootstrap_task(tables_of_task(records, "task1"), resamples=10)
    assert worst.algorithms == ("a", "b", "c")
    np.testing.assert_array_equal(worst.means["task1/south/dice_per_case"][:, 1], 0)
    skip = TrialsRules(missing="skip")
    tables = tables_of_task(records, "task1", skip)
    assert [table.competitors for table in tables] == [("a", "b", "c"), ("a", "c")]
    skipped = bootstrap_task(tables, skip, resamples=10)
    assert np.isnan(skipped.means["task1/south"][:, 1]).all()
    np.testing.assert_array_equal(skipped.combined[:, 1], skipped.means["task1/north"][:, 1])


def test_bad_options_are_refused(make_records: Make) -> None:
    tables = tables_of_task(make_records(), "task1")
    for options in ({"resamples": 0}, {"level": 1.0}, {"seed": -1}):
        with pytest.raises(InputError, match="resamples"):
            bootstrap_task(tables, **options)
    with pytest.raises(InputError, match="nobody"):
        bootstrap_task([])
