"""What is ranked: a value per metric, algorithm and case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError

__all__ = ["AUC_METRICS", "METRICS", "Metric", "ScoreTable"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A score.

    Args:
        name: column name.
        label: for people.
        higher_is_better: whether more is better.
        worst: what a case without a submission gets; None when there is no worst value, and then
            the largest of the others on that case counts.
    """

    name: str
    label: str
    higher_is_better: bool = True
    worst: float | None = 0.0


#: Per case and algorithm, from the loop. The first two rank in the challenge, the others describe.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("auc_dice", "AUC-Dice"),
        Metric("auc_dmm", "AUC-DMM"),
        Metric("final_dice", "final Dice"),
        Metric("final_dmm", "final DMM"),
        Metric("fpv_ml", "FPV, ml", higher_is_better=False, worst=None),
        Metric("fnv_ml", "FNV, ml", higher_is_better=False, worst=None),
    )
}
AUC_METRICS = ("auc_dice", "auc_dmm")


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Values of several algorithms on the same cases.

    Args:
        algorithms: names.
        cases: names.
        values: metric name -> (algorithms, cases); NaN where a metric has no value on a case (DMM
            without a lesion). The worst value stands in for a missing submission.
        centres: of each case; one name for all when they are not known.
        missing: (algorithms, cases), true where an algorithm has no submission.

    Raises:
        InputError: a name stands twice, or shapes do not agree.
    """

    algorithms: tuple[str, ...]
    cases: tuple[str, ...]
    values: Mapping[str, Floats]
    centres: tuple[str, ...]
    missing: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for what, names in (("algorithm", self.algorithms), ("case", self.cases)):
            if len(set(names)) != len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise InputError(f"{what} {twice} stands twice in the table")
        shape = (len(self.algorithms), len(self.cases))
        shapes = {name: values.shape for name, values in self.values.items()}
        wrong = [name for name, found in shapes.items() if found != shape]
        if wrong or self.missing.shape != shape or len(self.centres) != len(self.cases):
            raise InputError(f"the table's columns do not have {shape[0]} x {shape[1]} entries")

    @classmethod
    def of(
        cls,
        algorithms: Sequence[str],
        cases: Sequence[str],
        values: Mapping[str, Floats],
        *,
        centres: Sequence[str] | None = None,
        missing: NDArray[np.bool_] | None = None,
        metrics: Mapping[str, Metric] = METRICS,
    ) -> "ScoreTable":
        """A table in which missing submissions have the worst values.

        On a case where no submission has a value of a metric (DMM without a lesion), a missing one
        has none either.

        Args:
            algorithms: names.
            cases: names.
            values: metric name -> (algorithms, cases); what stands at missing places is ignored.
            centres: of each case.
            missing: (algorithms, cases); none by default.
            metrics: what the names mean.

        Raises:
            InputError: a name stands twice, shapes do not agree, or a metric is unknown.
        """
        unknown = sorted(set(values) - set(metrics))
        if unknown:
            raise InputError(
                f"unknown metric {unknown[0]!r}", remedy=f"Known are: {', '.join(metrics)}."
            )
        absent = np.zeros((len(algorithms), len(cases)), dtype=np.bool_)
        absent = absent if missing is None else missing
        filled = {
            name: _filled(np.asarray(column, dtype=np.float64), absent, metrics[name])
            for name, column in values.items()
        }
        return cls(
            tuple(algorithms),
            tuple(cases),
            filled,
            tuple(centres) if centres is not None else ("all",) * len(cases),
            absent,
        )

    def only(self, chosen: NDArray[np.bool_]) -> "ScoreTable":
        """The table of some cases, (cases,) bool."""
        return ScoreTable(
            self.algorithms,
            tuple(case for case, keep in zip(self.cases, chosen, strict=True) if keep),
            {name: values[:, chosen] for name, values in self.values.items()},
            tuple(centre for centre, keep in zip(self.centres, chosen, strict=True) if keep),
            self.missing[:, chosen],
        )


def _filled(values: Floats, missing: NDArray[np.bool_], metric: Metric) -> Floats:
    if not missing.any():
        return values
    there = np.where(missing, np.nan, values)
    defined = np.isfinite(there).any(axis=0)
    worst = np.full(values.shape[1], np.nan)
    if metric.worst is None:
        pick = np.nanmin if metric.higher_is_better else np.nanmax
        worst[defined] = pick(there[:, defined], axis=0)
    else:
        worst[defined] = metric.worst
    return np.where(missing, worst, values)
