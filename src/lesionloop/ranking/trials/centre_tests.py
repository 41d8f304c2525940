"""Do the centres differ: exact tests on the scores of the teams, corrected for their number."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control, mannwhitneyu

from lesionloop.errors import InputError
from lesionloop.ranking.trials.blocks import BLOCKS
from lesionloop.ranking.trials.cells import Cell

__all__ = [
    "FAMILIES",
    "PAPER_PARAMETERS",
    "CentreTest",
    "Family",
    "Quartiles",
    "centre_samples",
    "compare_centres",
    "exact_rank_test",
    "quartiles",
]

Floats = NDArray[np.float64]

#: Which tests are corrected together: all of them, those of a task, or those of one parameter. The
#: paper does not say; its conclusions agree with "all" (12 tests) and with "task".
Family = Literal["all", "task", "parameter"]
FAMILIES: tuple[Family, ...] = ("all", "task", "parameter")

#: What the paper compares: block and metric.
PAPER_PARAMETERS = (
    ("task1", "dice_per_case"),
    ("task1", "assd"),
    ("visible", "dice_per_case"),
    ("combined", "dice_per_case"),
)


@dataclass(frozen=True)
class Quartiles:
    """Linear interpolation between values, as NumPy does by default; NaN without a value."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class CentreTest:
    """Two centres compared by one parameter.

    Args:
        block, metric: what is compared.
        first, second: names of the centres.
        teams: number of values of the first and of the second.
        p: exact, two-sided.
        adjusted: after Benjamini and Hochberg, within the family.
        significant: whether that is below alpha.
    """

    block: str
    metric: str
    first: str
    second: str
    teams: tuple[int, int]
    p: float
    adjusted: float
    significant: bool


def exact_rank_test(first: ArrayLike, second: ArrayLike) -> float:
    """P value of the two-sided Mann-Whitney U test by the exact distribution of U without ties.

    The exact distribution is used whatever the sizes and ties. A tie within a sample does not
    change U; one between the samples counts a half, and a U that is no whole number is taken as
    the next one towards the middle, so p is never too small for it.

    Args:
        first: (n,) values; NaN is left out.
        second: (m,) values.

    Raises:
        InputError: a sample is empty.

    Source:
        Mann and Whitney, Ann Math Stat 1947;18:50-60; as scipy.stats.mannwhitneyu.
    """
    one, two = (_finite(values) for values in (first, second))
    if not one.size or not two.size:
        raise InputError("a rank test needs values of both samples")
    return float(mannwhitneyu(one, two, alternative="two-sided", method="exact").pvalue)


def quartiles(values: ArrayLike) -> Quartiles:
    """Lower quartile, median and upper quartile."""
    kept = _finite(values)
    if not kept.size:
        return Quartiles(np.nan, np.nan, np.nan)
    low, median, high = np.quantile(kept, [0.25, 0.5, 0.75])
    return Quartiles(float(low), float(median), float(high))


def centre_samples(
    cells: Iterable[Cell],
    parameters: Iterable[tuple[str, str]] = PAPER_PARAMETERS,
    *,
    leave_out: frozenset[str] = frozenset(),
) -> dict[tuple[str, str], dict[str, Floats]]:
    """(block, metric) -> centre -> values of the teams; a centre without a value is left out.

    Args:
        cells: where the values are.
        parameters: block and metric; those that no cell has are left out.
        leave_out: competitors that are no teams of the challenge: off-the-shelf models.
    """
    found: dict[tuple[str, str], dict[str, Floats]] = {}
    for cell in sorted(cells, key=lambda cell: cell.centre):
        teams = [name not in leave_out for name in cell.competitors]
        for block, metric in parameters:
            if block == cell.block and metric in cell.values:
                values = _finite(cell.values[metric][teams])
                if values.size:
                    found.setdefault((block, metric), {})[cell.centre] = values
    return {parameter: found[parameter] for parameter in parameters if parameter in found}


def compare_centres(
    samples: Mapping[tuple[str, str], Mapping[str, ArrayLike]],
    *,
    family: Family = "all",
    alpha: float = 0.05,
) -> list[CentreTest]:
    """Test every pair of centres by every parameter.

    Args:
        samples: (block, metric) -> centre -> (teams,).
        family: which tests are corrected together.
        alpha: rate of false discoveries.

    Raises:
        InputError: an option makes no sense, or a sample is empty.

    Source:
        Benjamini and Hochberg, J R Stat Soc B 1995;57:289-300.
    """
    if family not in FAMILIES:
        raise InputError(f"unknown family {family!r}", remedy=f"Use {', '.join(FAMILIES)}.")
    if not 0 < alpha < 1:
        raise InputError(f"alpha is between 0 and 1, not {alpha}")
    tests = [
        (block, metric, first, second)
        for (block, metric), by_centre in samples.items()
        for first, second in combinations(by_centre, 2)
    ]
    p = np.array(
        [exact_rank_test(samples[b, m][one], samples[b, m][two]) for b, m, one, two in tests]
    )
    families = [_family_of(block, metric, family) for block, metric, _, _ in tests]
    adjusted = np.ones(len(tests))
    for name in dict.fromkeys(families):
        mine = [entry == name for entry in families]
        adjusted[mine] = false_discovery_control(p[mine], method="bh")
    return [
        CentreTest(
            block,
            metric,
            one,
            two,
            (_finite(samples[block, metric][one]).size, _finite(samples[block, metric][two]).size),
            float(p[n]),
            float(adjusted[n]),
            bool(adjusted[n] < alpha),
        )
        for n, (block, metric, one, two) in enumerate(tests)
    ]


def _family_of(block: str, metric: str, family: Family) -> str:
    if family == "all":
        return ""
    if family == "parameter":
        return f"{block}/{metric}"
    return BLOCKS[block].task


def _finite(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    return array[np.isfinite(array)]
