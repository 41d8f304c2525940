"""How scores of the tasks go together: across teams and centres, and between references."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import linregress, rankdata, spearmanr

from lesionloop.errors import InputError
from lesionloop.ranking.trials.cells import Cell

__all__ = ["Association", "associate", "mean_gap", "paired_values"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Association:
    """A rank correlation.

    Args:
        pairs: number of pairs.
        rho: Spearman's; NaN where one side has equal values only.
        p: two-sided, by the t distribution.
        low, high: percentile bootstrap interval over the pairs.
        slope: of the least-squares line of the second on the first.
    """

    pairs: int
    rho: float
    p: float
    low: float
    high: float
    slope: float


def paired_values(
    cells: Iterable[Cell],
    first: str,
    second: str,
    metric: str = "dice_per_case",
    *,
    leave_out: frozenset[str] = frozenset(),
) -> list[tuple[str, str, float, float]]:
    """Centre, team and the metric in two blocks, where a team has both.

    Args:
        cells: where the values are.
        first, second: names of blocks.
        metric: name.
        leave_out: competitors that are no teams of the challenge: off-the-shelf models.
    """
    values = {
        (cell.block, cell.centre, name): float(cell.values[metric][row])
        for cell in cells
        for row, name in enumerate(cell.competitors)
        if metric in cell.values and name not in leave_out
    }
    return [
        (centre, name, value, values[second, centre, name])
        for (block, centre, name), value in sorted(values.items())
        if block == first
        and np.isfinite(value)
        and np.isfinite(values.get((second, centre, name), np.nan))
    ]


def associate(
    first: ArrayLike,
    second: ArrayLike,
    *,
    resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> Association:
    """Spearman's rank correlation with a percentile bootstrap interval over the pairs.

    Resamples of equal values only have no correlation and are passed over.

    Args:
        first: (n,).
        second: (n,) of the same pairs.
        resamples, seed, level: of the bootstrap.

    Raises:
        InputError: the lengths differ, there are fewer than three pairs, or an option makes no
            sense.
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 1 or one.size < 3:
        raise InputError(
            f"a rank correlation needs three pairs or more, not {one.shape} and {two.shape}"
        )
    if resamples < 1 or seed < 0 or not 0 < level < 1:
        raise InputError(
            "resamples are 1 or more, the seed 0 or more, and the level is between 0 and 1"
        )
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        return Association(one.size, np.nan, np.nan, np.nan, np.nan, np.nan)
    whole = spearmanr(one, two)
    drawn = np.random.default_rng(seed).integers(one.size, size=(resamples, one.size))
    rho = _correlations(rankdata(one[drawn], axis=1), rankdata(two[drawn], axis=1))
    rho = rho[np.isfinite(rho)]
    tail = (1 - level) / 2
    low, high = np.quantile(rho, [tail, 1 - tail]) if rho.size else (np.nan, np.nan)
    return Association(
        one.size,
        float(whole.statistic),
        float(whole.pvalue),
        float(low),
        float(high),
        float(linregress(one, two).slope),
    )


def mean_gap(
    cells: Iterable[Cell],
    first: str = "visible",
    second: str = "combined",
    metric: str = "dice_per_case",
    *,
    leave_out: frozenset[str] = frozenset(),
) -> dict[str, tuple[int, float]]:
    """Centre -> number of teams, and the mean of first minus second over them.

    Args:
        cells: where the values are.
        first, second: names of blocks.
        metric: name.
        leave_out: competitors that are no teams of the challenge: off-the-shelf models.
    """
    differences: dict[str, list[float]] = {}
    for centre, _, one, two in paired_values(cells, first, second, metric, leave_out=leave_out):
        differences.setdefault(centre, []).append(one - two)
    return {centre: (len(found), float(np.mean(found))) for centre, found in differences.items()}


def _correlations(first: Floats, second: Floats) -> Floats:
    """Pearson's correlation of each row, NaN where one side does not vary; (n, m) to (n,)."""
    one = first - first.mean(axis=1, keepdims=True)
    two = second - second.mean(axis=1, keepdims=True)
    norm = np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    found = np.full(len(one), np.nan)
    np.divide((one * two).sum(axis=1), norm, out=found, where=norm > 0)
    return found
