"""Curves of a score over the steps of an interactive loop, and the area under them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.metrics.aggregate import mean_without_nan

__all__ = ["auc", "mean_curve", "normalised_auc"]


def auc(values: ArrayLike, steps: ArrayLike | None = None) -> float:
    """Return the area under a score over the step numbers, by the trapezoid rule.

    Not divided by the range: a perfect score over six predictions gives 5.0. One prediction has no
    area, 0.0. A NaN among the values gives NaN.

    Args:
        values: (n,) score at each step, n at least 1.
        steps: (n,) step numbers, strictly rising; 0, 1, ..., n - 1 when not given.

    Raises:
        InputError: no values, other lengths, or steps that do not rise.

    Source:
        autoPET V interactive loop (trapezoid over the iteration numbers).
    """
    score, step = _curve(values, steps)
    return float((np.diff(step) * (score[1:] + score[:-1])).sum() / 2)


def normalised_auc(values: ArrayLike, steps: ArrayLike | None = None) -> float:
    """Return ``auc`` divided by the number of corrective steps (last step minus first).

    It is the mean height of the curve, 1.0 at best; NaN where there is no corrective step.

    Raises:
        InputError: as ``auc``.
    """
    score, step = _curve(values, steps)
    corrections = float(step[-1] - step[0])
    return auc(score, step) / corrections if corrections else float("nan")


def mean_curve(curves: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Return the mean score per step over cases, (longest,), from one curve (n,) per case.

    Each step averages the cases that have a value there: NaN and curves that ended earlier are
    left out; a step that nobody has is NaN.
    """
    rows = [np.asarray(curve, dtype=float).ravel() for curve in curves]
    longest = max((row.size for row in rows), default=0)
    return np.array(
        [
            mean_without_nan(float(row[step]) for row in rows if step < row.size)
            for step in range(longest)
        ],
        dtype=float,
    )


def _curve(
    values: ArrayLike, steps: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    score = np.asarray(values, dtype=float)
    step = np.arange(score.size, dtype=float) if steps is None else np.asarray(steps, dtype=float)
    if score.ndim != 1 or score.size == 0 or step.shape != score.shape:
        raise InputError(
            f"a curve needs one step number per value, not shapes {step.shape} and {score.shape}"
        )
    if not (np.diff(step) > 0).all():
        raise InputError(f"the step numbers of a curve must rise, not {step.tolist()}")
    return score, step
