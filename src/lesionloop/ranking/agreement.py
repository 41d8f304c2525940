"""Agreement between readers: of their masks, and of the scores that their sessions give."""

from dataclasses import dataclass
from math import isnan, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.metrics.aggregate import mean_without_nan
from lesionloop.metrics.case_score import detection_f1, score_overlap
from lesionloop.metrics.overlap import find_overlap

__all__ = [
    "BlandAltman",
    "IntraclassCorrelation",
    "MaskAgreement",
    "bland_altman",
    "intraclass_correlation",
    "mask_agreement",
]

Floats = NDArray[np.float64]

#: Half the width of the limits of agreement in standard deviations (Bland and Altman 1986).
_WIDTH = 1.96


@dataclass(frozen=True)
class MaskAgreement:
    """How well two masks of one case agree.

    Args:
        dice: ``2 |A and B| / (|A| + |B|)``; 1 when both are empty, 0 when one is.
        dmm: mean of the two values below; NaN when both masks are empty.
        dmm_first: detection F1 with the first mask as reference; NaN when it is empty.
        dmm_second: with the second mask as reference; NaN when it is empty.
    """

    dice: float
    dmm: float
    dmm_first: float
    dmm_second: float


def mask_agreement(first: ArrayLike, second: ArrayLike) -> MaskAgreement:
    """Compare two masks, neither of which is the truth.

    DMM is not symmetric: one lesion of the reference may match several of the mask and counts once,
    while turned around each of these counts. So it is computed both ways, and averaged over the
    ways that are defined. Where one mask is empty that is 0.

    Args:
        first: [x, y, z], bool or integers; above 0 is lesion.
        second: [x, y, z] of the same shape.

    Raises:
        InputError: the shapes differ.
    """
    one, two = np.asarray(first) > 0, np.asarray(second) > 0
    overlap = find_overlap(two, one, connectivity=18)
    score = score_overlap(overlap)
    # The same matches, seen from the other side.
    turned = detection_f1(score.n_prediction - score.fp, score.fn, score.fp)
    voxels = overlap.dice_denominator
    return MaskAgreement(
        dice=overlap.dice_numerator / voxels if voxels else 1.0,
        dmm=mean_without_nan((score.f1, turned)),
        dmm_first=score.f1,
        dmm_second=turned,
    )


@dataclass(frozen=True)
class BlandAltman:
    """Differences of paired values.

    Args:
        pairs: number of pairs.
        bias: mean of first minus second; NaN without a pair.
        spread: standard deviation of the differences, n - 1 in the denominator; NaN below two.
        low, high: limits of agreement, bias -+ 1.96 spread; NaN below two pairs.
        limit_error: standard error of each limit, about ``spread sqrt(3 / n)``.
    """

    pairs: int
    bias: float
    spread: float
    low: float
    high: float
    limit_error: float


def bland_altman(first: ArrayLike, second: ArrayLike) -> BlandAltman:
    """Mean difference and limits of agreement; a pair with a NaN is left out.

    Args:
        first: (n,) values of one reader.
        second: (n,) values of the other on the same cases.

    Raises:
        InputError: the lengths differ.

    Source:
        Bland and Altman, Lancet 1986;327:307-310.
    """
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape != two.shape or one.ndim != 1:
        raise InputError(f"paired values have one shape (n,), not {one.shape} and {two.shape}")
    differences = (one - two)[np.isfinite(one) & np.isfinite(two)]
    count = int(differences.size)
    bias = float(differences.mean()) if count else nan
    spread = float(differences.std(ddof=1)) if count > 1 else nan
    return BlandAltman(
        pairs=count,
        bias=bias,
        spread=spread,
        low=bias - _WIDTH * spread,
        high=bias + _WIDTH * spread,
        limit_error=spread * sqrt(3 / count) if count else nan,
    )


@dataclass(frozen=True)
class IntraclassCorrelation:
    """Share of the variance that is owed to the cases; 1 at best, and it can be negative.

    Args:
        cases: with a value of every reader.
        readers: their number.
        one_way: ICC(1,1), readers differ from case to case.
        agreement: ICC(2,1), readers are a sample of readers, a constant difference counts.
        consistency: ICC(3,1), just these readers, a constant difference does not count.

    All three are of a single reader, and NaN where there are fewer than two cases or readers, or
    where all values are the same.
    """

    cases: int
    readers: int
    one_way: float
    agreement: float
    consistency: float


def intraclass_correlation(values: ArrayLike) -> IntraclassCorrelation:
    """Intraclass correlations from the mean squares of a two-way table.

    Args:
        values: (cases, readers); a case that lacks a reader (NaN) is left out.

    Raises:
        InputError: not a table of cases and readers.

    Source:
        Shrout and Fleiss, Psychol Bull 1979;86:420-428.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2:
        raise InputError(f"values have the shape (cases, readers), not {table.shape}")
    table = table[np.isfinite(table).all(axis=1)]
    n, k = table.shape
    # Equal values, and values equal but for rounding, have no variance to share out.
    if n < 2 or k < 2 or np.ptp(table) <= 1e-12 * max(1.0, float(np.abs(table).max())):
        return IntraclassCorrelation(n, k, nan, nan, nan)
    by_case, by_reader, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    between = k * float(((by_case - mean) ** 2).sum())
    readers = n * float(((by_reader - mean) ** 2).sum())
    within = float(((table - by_case[:, None]) ** 2).sum())
    rest = float(((table - by_case[:, None] - by_reader + mean) ** 2).sum())
    bms, wms = between / (n - 1), within / (n * (k - 1))
    jms, ems = readers / (k - 1), rest / ((n - 1) * (k - 1))
    return IntraclassCorrelation(
        cases=n,
        readers=k,
        one_way=_ratio(bms - wms, bms + (k - 1) * wms),
        agreement=_ratio(bms - ems, bms + (k - 1) * ems + k * (jms - ems) / n),
        consistency=_ratio(bms - ems, bms + (k - 1) * ems),
    )


def _ratio(part: float, whole: float) -> float:
    return nan if isnan(whole) or abs(whole) < 1e-300 else part / whole
