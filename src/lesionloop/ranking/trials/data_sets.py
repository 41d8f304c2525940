"""Metrics of a data set from the records of its cases, for many drawings of cases at once."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.ranking.trials.blocks import BLOCKS, TRIALS_METRICS
from lesionloop.ranking.trials.cells import Cell
from lesionloop.ranking.trials.records import RecordTable

__all__ = ["LESION_MEANS", "LesionMeans", "cell_of", "data_set_metrics"]

Floats = NDArray[np.float64]

#: What VOE, RVD and the distances are averaged over: accepted lesions and a penalty for each that
#: is missed or false (the printed tables), or accepted lesions alone (the released code).
LesionMeans = Literal["penalised", "accepted"]
LESION_MEANS: tuple[LesionMeans, ...] = ("penalised", "accepted")


def data_set_metrics(
    table: RecordTable, counts: Floats, lesion_means: LesionMeans = "penalised"
) -> dict[str, Floats]:
    """All metrics of resampled data sets, (resamples, competitors).

    Precision and recall come from summed counts, 0 without a lesion to divide by. Global Dice is
    NaN when there is no foreground at all, and so are lesion means. Means over accepted lesions
    alone are the worst values when none is accepted, as in the released code.

    Args:
        table: records of a cell.
        counts: (resamples, cases), how often each case is drawn.
        lesion_means: one of ``LESION_MEANS``.

    Raises:
        InputError: ``lesion_means`` is unknown.
    """
    if lesion_means not in LESION_MEANS:
        raise InputError(
            f"unknown rule for lesion means {lesion_means!r}", remedy="Use penalised or accepted."
        )
    sums = {name: counts @ np.nan_to_num(values).T for name, values in table.values.items()}
    found = {
        "dice_per_case": _ratio(sums["dice"], counts @ table.present.T.astype(np.float64)),
        "dice_global": _ratio(2 * sums["intersection"], sums["volumes"]),
    }
    for threshold in ("05", "0"):
        tp, fp, fn = (sums[f"{kind}{threshold}"] for kind in ("tp", "fp", "fn"))
        found[f"precision_iou{threshold}"] = _ratio(tp, tp + fp, empty=0.0)
        found[f"recall_iou{threshold}"] = _ratio(tp, tp + fn, empty=0.0)
    accepted, wrong = sums["tp05"], sums["fp05"] + sums["fn05"]
    for name in ("voe", "rvd", "assd", "rmsd", "msd"):
        penalty = TRIALS_METRICS[name].worst or 0.0
        if lesion_means == "penalised":
            found[name] = _ratio(sums[f"sum_{name}"] + penalty * wrong, accepted + wrong)
        else:
            mean = _ratio(sums[f"sum_{name}"], accepted, empty=penalty)
            found[name] = np.where(sums["volumes"] > 0, mean, np.nan)
    return {name: found[name] for name in TRIALS_METRICS}


def cell_of(table: RecordTable, lesion_means: LesionMeans = "penalised") -> Cell:
    """The values of a cell, from all its cases once."""
    metrics = data_set_metrics(table, np.ones((1, len(table.cases))), lesion_means)
    ranked = BLOCKS[table.block].metrics
    values = {name: metrics[name][0] for name in ranked}
    return Cell(table.block, table.centre, table.competitors, values)


def _ratio(part: Floats, whole: Floats, empty: float = np.nan) -> Floats:
    found = np.full(np.broadcast_shapes(part.shape, whole.shape), empty)
    np.divide(part, whole, out=found, where=whole > 0)
    return found
