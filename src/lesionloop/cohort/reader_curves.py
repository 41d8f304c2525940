"""Curves of recorded sessions on a common axis, and how well readers agree in the area below.

Sessions differ in length. The common axis goes to the longest of them, and a session that ended
earlier carries its last value forward: the reader was content with that mask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan

import numpy as np
from numpy.typing import NDArray

from lesionloop.cohort.replaying import MaskAgreementRow, ReplayRun
from lesionloop.metrics.aggregate import mean_without_nan
from lesionloop.metrics.curves import normalised_auc
from lesionloop.ranking.agreement import (
    BlandAltman,
    IntraclassCorrelation,
    bland_altman,
    intraclass_correlation,
)

__all__ = [
    "CARRIED", "CURVE_COLUMNS", "MEAN", "AreaAgreement", "MaskMean", "PairDifference",
    "ReaderCurve", "area_agreement", "carried_forward", "last_step", "mask_means", "reader_curves",
]  # fmt: skip

Floats = NDArray[np.float64]

#: Columns that have a curve.
CURVE_COLUMNS = ("dice", "dmm", "fpv_ml", "fnv_ml")

#: Said in every output.
CARRIED = (
    "A session that ended before the longest carries its last value forward to the end of the axis."
)

#: The curve over all readers.
MEAN = "mean of readers"

#: Case and reader.
_Key = tuple[str, str]


@dataclass(frozen=True, eq=False)
class ReaderCurve:
    """One segmenter with one reader, or the mean of all.

    Args:
        segmenter: name.
        reader: name; "mean of readers"; or "own errors, <strategy>".
        kind: "reader", "mean" or "own".
        cases: number of cases in the means.
        values: column -> (steps,) mean over cases; of the mean over readers where these are
            several. NaN where no case has a value.
        carried: (steps,) loops whose value at that step is carried forward.
        auc_dice, auc_dmm: mean over cases of the area, divided by the number of corrections.
    """

    segmenter: str
    reader: str
    kind: str
    cases: int
    values: Mapping[str, Floats]
    carried: NDArray[np.int64]
    auc_dice: float
    auc_dmm: float


@dataclass(frozen=True, eq=False)
class PairDifference:
    """Areas of two readers on the cases that both have.

    Args:
        reader_a, reader_b: names.
        cases: names.
        first, second: (cases,) normalised areas; may be NaN.
        limits: of first minus second.
    """

    reader_a: str
    reader_b: str
    cases: tuple[str, ...]
    first: Floats
    second: Floats
    limits: BlandAltman


@dataclass(frozen=True, eq=False)
class AreaAgreement:
    """How well readers agree in the area under the curve that one segmenter gives them.

    Args:
        segmenter: name.
        metric: "auc_dice" or "auc_dmm", divided by the number of corrections.
        rule: "loop", all cases; or "evaluator", those with lesions.
        readers: names.
        correlation: over the cases that all readers have.
        pairs: every two readers.
    """

    segmenter: str
    metric: str
    rule: str
    readers: tuple[str, ...]
    correlation: IntraclassCorrelation
    pairs: tuple[PairDifference, ...]


@dataclass(frozen=True)
class MaskMean:
    """Agreement of masks over cases.

    Args:
        segmenter: name; empty for the readers' own masks.
        masks: "after session" or "own".
        reader_a, reader_b: names; "all" for the mean over cases of the mean over pairs.
        cases: compared, and how many of them without a lesion in the reference.
        lesion_free: of them.
        dice: mean over all cases; two empty masks agree, 1.
        dice_with_lesions: mean over cases with lesions.
        dmm: mean over the cases where it is defined.
        cases_without_dmm: where both masks are empty.
    """

    segmenter: str
    masks: str
    reader_a: str
    reader_b: str
    cases: int
    lesion_free: int
    dice: float
    dice_with_lesions: float
    dmm: float
    cases_without_dmm: int


def last_step(runs: Sequence[ReplayRun]) -> int:
    """The end of the common axis: the longest session that was read, replayed or not."""
    return max((run.session.steps for run in runs if run.session is not None), default=0)


def carried_forward(values: Sequence[float], last: int) -> Floats:
    """Values at steps 0 to ``last``, (last + 1,): the last one stands for what lacks.

    Args:
        values: (n,) one at least; those beyond ``last`` are cut off.
        last: end of the axis.
    """
    kept = np.asarray(values, dtype=np.float64)[: last + 1]
    return np.concatenate([kept, np.full(last + 1 - kept.size, kept[-1])])


def reader_curves(runs: Sequence[ReplayRun], segmenter: str, last: int) -> list[ReaderCurve]:
    """Curves of every reader, of their mean, and of own errors where they were corrected.

    Own errors are brought to the length of each reader's session on the case, and averaged as the
    readers are: so they had just as many corrections.

    Args:
        runs: of all segmenters; those without scores are left out.
        segmenter: which one.
        last: end of the common axis.
    """
    good = [run for run in runs if run.segmenter == segmenter and run.rows]
    columns: dict[_Key, dict[str, Floats]] = {}
    lengths: dict[_Key, int] = {}
    for run in good:
        if run.reader is not None:
            lengths[run.case, run.reader] = len(run.rows) - 1
            columns[run.case, run.reader] = _columns(run, last)
    found = [
        _curve((segmenter, reader, "reader"), _only(columns, reader), lengths, last)
        for reader in sorted({key[1] for key in columns})
    ]
    if columns:
        found.append(_curve((segmenter, MEAN, "mean"), columns, lengths, last))
    own = {run.case: run for run in good if run.reader is None}
    matched = {
        key: _columns(own[key[0]], last, corrections=lengths[key])
        for key in columns
        if key[0] in own
    }
    if matched:
        name = f"own errors, {next(iter(own.values())).strategy}"
        found.append(_curve((segmenter, name, "own"), matched, lengths, last))
    return found


def area_agreement(runs: Sequence[ReplayRun], segmenter: str, last: int) -> list[AreaAgreement]:
    """Agreement of readers in AUC-Dice and AUC-DMM, by both rules for cases without a lesion.

    The rule "evaluator" is left out when all cases have lesions.

    Args:
        runs: of all segmenters; those without scores are left out.
        segmenter: which one.
        last: end of the common axis.
    """
    good = [r for r in runs if r.segmenter == segmenter and r.rows and r.reader is not None]
    readers = tuple(sorted({str(run.reader) for run in good}))
    free = {run.case for run in good if not run.lesions}
    rules = {"loop": sorted({run.case for run in good})}
    if free:
        rules["evaluator"] = [case for case in rules["loop"] if case not in free]
    found = []
    for column in ("dice", "dmm"):
        areas = {(r.case, str(r.reader)): normalised_auc(_columns(r, last)[column]) for r in good}
        for rule, cases in rules.items():
            table = np.array(
                [[areas.get((case, reader), nan) for reader in readers] for case in cases]
            ).reshape(len(cases), len(readers))
            pairs = []
            for one, two in combinations(range(len(readers)), 2):
                there = [
                    number
                    for number, case in enumerate(cases)
                    if (case, readers[one]) in areas and (case, readers[two]) in areas
                ]
                first, second = table[there, one], table[there, two]
                pairs.append(
                    PairDifference(
                        readers[one], readers[two], tuple(cases[n] for n in there),
                        first, second, bland_altman(first, second),
                    )
                )  # fmt: skip
            found.append(
                AreaAgreement(
                    segmenter, f"auc_{column}", rule, readers,
                    intraclass_correlation(table), tuple(pairs),
                )
            )  # fmt: skip
    return found


def mask_means(rows: Sequence[MaskAgreementRow]) -> list[MaskMean]:
    """Means over cases per segmenter and pair of readers, and over all pairs."""
    groups: dict[tuple[str, str], list[MaskAgreementRow]] = {}
    for row in rows:
        groups.setdefault((row.segmenter, row.masks), []).append(row)
    found = []
    for (segmenter, masks), group in groups.items():
        pairs = sorted({(row.reader_a, row.reader_b) for row in group})
        for pair in pairs:
            chosen = [row for row in group if (row.reader_a, row.reader_b) == pair]
            found.append(_mask_mean(segmenter, masks, pair, chosen))
        if len(pairs) > 1:
            found.append(_mask_mean(segmenter, masks, ("all", "all"), group))
    return found


def _mask_mean(
    segmenter: str, masks: str, pair: tuple[str, str], rows: Sequence[MaskAgreementRow]
) -> MaskMean:
    by_case: dict[str, list[MaskAgreementRow]] = {}
    for row in rows:
        by_case.setdefault(row.case, []).append(row)
    dice = {case: mean_without_nan(row.dice for row in of) for case, of in by_case.items()}
    dmm = [mean_without_nan(row.dmm for row in of) for of in by_case.values()]
    free = {row.case for row in rows if row.lesion_free}
    return MaskMean(
        segmenter,
        masks,
        *pair,
        cases=len(by_case),
        lesion_free=len(free),
        dice=mean_without_nan(dice.values()),
        dice_with_lesions=mean_without_nan(v for case, v in dice.items() if case not in free),
        dmm=mean_without_nan(dmm),
        cases_without_dmm=int(np.isnan(dmm).sum()),
    )


def _columns(run: ReplayRun, last: int, corrections: int | None = None) -> dict[str, Floats]:
    end = None if corrections is None else corrections + 1
    return {
        name: carried_forward([getattr(row, name) for row in run.rows[:end]], last)
        for name in CURVE_COLUMNS
    }


def _only(columns: Mapping[_Key, dict[str, Floats]], reader: str) -> dict[_Key, dict[str, Floats]]:
    return {key: value for key, value in columns.items() if key[1] == reader}


def _curve(
    label: tuple[str, str, str],
    columns: Mapping[_Key, dict[str, Floats]],
    lengths: Mapping[_Key, int],
    last: int,
) -> ReaderCurve:
    by_case: dict[str, list[_Key]] = {}
    for key in columns:
        by_case.setdefault(key[0], []).append(key)
    values = {}
    for name in CURVE_COLUMNS:
        cases = [_mean([columns[key][name] for key in keys]) for keys in by_case.values()]
        values[name] = _mean(cases)
    areas = {
        name: mean_without_nan(
            mean_without_nan(normalised_auc(columns[key][name]) for key in keys)
            for keys in by_case.values()
        )
        for name in ("dice", "dmm")
    }
    ended = np.array([lengths[key] for key in columns])
    carried = (ended[:, None] < np.arange(last + 1)).sum(axis=0)
    return ReaderCurve(*label, len(by_case), values, carried, areas["dice"], areas["dmm"])


def _mean(curves: Sequence[Floats]) -> Floats:
    """Mean per step, NaN left out."""
    stacked = np.stack(curves)
    return np.array([mean_without_nan(map(float, column)) for column in stacked.T])
