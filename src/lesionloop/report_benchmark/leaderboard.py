"""Systems side by side, with intervals, and always beside the unedited template.

No model in the paper beat copying the template, so a score says little without the template's. The
intervals come from a bootstrap over patients; all systems see the same draws, so the difference to
the template is paired.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.report_benchmark.records import PromptRecord, ResultRecord
from lesionloop.report_benchmark.scoring import COLUMNS, SystemScores, summarise

__all__ = ["BASELINE", "Board", "Row", "baseline_results", "make_board", "references_of"]

#: Name of the unedited template on every board.
BASELINE: Final = "template (unedited)"

#: Scores that get an interval.
SHOWN: Final = (*COLUMNS, "overall", "bleu_1", "bleu_2", "bleu_3", "cider")


@dataclass(frozen=True)
class Row:
    """One system.

    Args:
        name: of the system.
        values: score to value; NaN where it is not defined.
        intervals: score to the bounds of its interval; NaN without a bootstrap.
        against_template: overall score minus that of the template, and the bounds of its interval.
        failures: kind to number.
        efficacy: all of the clinical efficacy.
        notes: of the extractor.
    """

    name: str
    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    against_template: tuple[float, float, float]
    failures: Mapping[str, int]
    efficacy: Mapping[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    """The leaderboard, the best overall score first.

    Args:
        rows: systems, the template among them.
        patients: number of patients.
        resamples, seed, level: of the bootstrap; without one resamples is 0.
        settings: every choice that the scores rest on, in words.
    """

    rows: tuple[Row, ...]
    patients: int
    resamples: int
    seed: int
    level: float
    settings: Mapping[str, str]


def references_of(records: Sequence[PromptRecord]) -> dict[str, str]:
    """Patient to reference report."""
    return {record.patient: record.reference for record in records}


def baseline_results(template: str, patients: Sequence[str]) -> dict[str, ResultRecord]:
    """The template as the report of everyone."""
    return {patient: ResultRecord(patient, template, finish="stop") for patient in patients}


def make_board(
    template: SystemScores,
    systems: Sequence[SystemScores],
    *,
    settings: Mapping[str, str],
    resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> Board:
    """Order systems and the template by their overall score, with percentile intervals.

    Args:
        template: scores of the unedited template.
        systems: of the same patients.
        settings: told on the board.
        resamples: of the bootstrap; 0: none.
        seed: of the drawing.
        level: of the intervals.

    Raises:
        InputError: an option makes no sense, two systems have one name, or patients differ.
    """
    if not 0 <= resamples <= 100_000 or not 0 < level < 1 or seed < 0:
        raise InputError(
            "the bootstrap cannot be used",
            remedy="Resamples are 0 to 100000, the seed is 0 or more, the level between 0 and 1.",
        )
    every = [template, *systems]
    names = [scores.name for scores in every]
    if len(set(names)) < len(names):
        raise InputError(
            "two systems have the same name",
            cause=f"They are {', '.join(names)}.",
            remedy="Give each a name of its own.",
        )
    if any(scores.patients != template.patients for scores in systems):
        raise InputError(
            "the systems were not scored on the same patients",
            remedy="Score them against the same references.",
        )
    count = len(template.patients)
    share = np.full(count, 1 / count)
    weights = np.random.default_rng(seed).multinomial(count, share, size=resamples)
    drawn = [_resampled(scores, weights) for scores in every]
    rows = []
    for scores, samples in zip(every, drawn, strict=True):
        values = summarise(scores)
        rows.append(
            Row(
                scores.name,
                values,
                {name: _bounds(samples[name], level) for name in SHOWN},
                (
                    values["overall"] - summarise(template)["overall"],
                    *_bounds(samples["overall"] - drawn[0]["overall"], level),
                ),
                scores.failures,
                asdict(scores.efficacy()),
                scores.notes,
            )
        )
    rows.sort(key=lambda row: -row.values["overall"])
    return Board(tuple(rows), count, resamples, seed, level, settings)


def _resampled(scores: SystemScores, weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    found = [summarise(scores, row) for row in weights]
    return {name: np.array([entry[name] for entry in found]) for name in SHOWN}


def _bounds(samples: NDArray[np.float64], level: float) -> tuple[float, float]:
    defined = samples[np.isfinite(samples)]
    if not defined.size:
        return nan, nan
    tail = (1 - level) / 2
    low, high = (float(value) for value in np.quantile(defined, [tail, 1 - tail]))
    return low, high
