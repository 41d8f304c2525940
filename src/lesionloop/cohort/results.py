"""Stored scores of many algorithms, brought together: curves per algorithm and case, and tables."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lesionloop.cohort.lesion_table import CaseRow
from lesionloop.errors import InputError
from lesionloop.metrics.aggregate import subset_of
from lesionloop.ranking.table import METRICS, ScoreTable

__all__ = ["CohortScores", "centres_of", "read_results"]

Floats = NDArray[np.float64]

_TEXTS = ("case", "segmenter", "strategy")
_AGAIN = "Give the tables as `lesionloop evaluate` wrote them."
CURVES = ("dice", "dmm", "fpv_ml", "fnv_ml", "seconds")

#: Which cases count: "loop" takes lesion-free ones in (Dice 1 for an empty mask, else 0, as the
#: challenge's loop does); "evaluator" leaves them out (their Dice is not defined there).
EmptyRule = Literal["loop", "evaluator"]
EMPTY_RULES: tuple[EmptyRule, ...] = ("loop", "evaluator")


@dataclass(frozen=True, eq=False)
class CohortScores:
    """Scores of algorithms x cases x strategies x steps.

    Args:
        algorithms: names.
        cases: names, ascending.
        strategies: names.
        curves: column -> (algorithms, cases, strategies, steps); NaN where there is no value.
            A loop that ended earlier carries its last value forward.
        present: (algorithms, cases, strategies), true where a loop is stored.
        carried: number of loops that ended before the longest.
        rows: what the cases are like, as far as the folders tell.
        traces: algorithm -> folder of the traces, and its name there; there may be pictures.
    """

    algorithms: tuple[str, ...]
    cases: tuple[str, ...]
    strategies: tuple[str, ...]
    curves: Mapping[str, Floats]
    present: NDArray[np.bool_]
    carried: int
    rows: Mapping[str, CaseRow] = field(default_factory=dict)
    traces: Mapping[str, tuple[Path, str]] = field(default_factory=dict)

    @property
    def expected(self) -> NDArray[np.bool_]:
        """(cases, strategies): what at least one algorithm has."""
        return np.asarray(self.present.any(axis=0))

    @property
    def lesion_free(self) -> NDArray[np.bool_]:
        """(cases,): the reference holds no lesion, so that DMM has no value."""
        undefined = np.isnan(self.curves["dmm"][..., 0]) & self.present
        return np.asarray(undefined.any(axis=(0, 2)))

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(algorithms, cases): a loop that another algorithm has is not there."""
        return np.asarray((self.expected & ~self.present).any(axis=2))

    def table(
        self, centres: Sequence[str] | None = None, *, empty: EmptyRule = "loop"
    ) -> ScoreTable:
        """One value per metric, algorithm and case: the mean over the strategies of the case.

        A loop that is missing has the worst value of each metric. AUC is the area under the curve
        over the steps, not divided by their number.

        Args:
            centres: of each case.
            empty: whether lesion-free cases count.
        """
        per_strategy = [self._of_strategy(number) for number in range(len(self.strategies))]
        values = {
            name: _mean_over([table.values[name] for table in per_strategy]) for name in METRICS
        }
        whole = ScoreTable(
            self.algorithms,
            self.cases,
            values,
            tuple(centres) if centres is not None else ("all",) * len(self.cases),
            self.missing,
        )
        return whole if empty == "loop" else whole.only(~self.lesion_free)

    def mean_curve(self, column: str, algorithm: int) -> list[float]:
        """Mean over cases and strategies per step; missing loops count as 0."""
        values = self.curves[column][algorithm]
        defined = np.isfinite(self.curves[column]).any(axis=0)
        filled = np.where(np.isfinite(values), values, np.where(defined, 0.0, np.nan))
        flat = filled.reshape(-1, filled.shape[-1])
        count = np.isfinite(flat).sum(axis=0)
        total = np.nansum(flat, axis=0)
        return [float(t / n) if n else float("nan") for t, n in zip(total, count, strict=True)]

    def _of_strategy(self, number: int) -> ScoreTable:
        columns = {name: curve[:, :, number] for name, curve in self.curves.items()}
        areas: dict[str, Floats] = {
            f"auc_{name}": np.asarray(np.trapezoid(columns[name], axis=-1))
            for name in ("dice", "dmm")
        }
        values = {
            **areas,
            "final_dice": columns["dice"][..., -1],
            "final_dmm": columns["dmm"][..., -1],
            "fpv_ml": columns["fpv_ml"][..., -1],
            "fnv_ml": columns["fnv_ml"][..., -1],
        }
        return ScoreTable.of(
            self.algorithms,
            self.cases,
            values,
            missing=self.expected[None, :, number] & ~self.present[:, :, number],
        )


def read_results(places: Sequence[Path | str]) -> CohortScores:
    """Bring the scores of several result folders together.

    An algorithm is a segmenter of a folder; where two folders have a segmenter of one name, the
    folders' names tell them apart.

    Args:
        places: folders that ``evaluate`` wrote, or tables in the form of their ``scores.csv``.

    Raises:
        InputError: a table is missing or damaged, a loop stands there twice, or steps are missing.
    """
    tables = [(Path(place), _read(Path(place))) for place in places]
    owners: dict[str, set[Path]] = {}
    for place, rows in tables:
        for row in rows:
            owners.setdefault(row.segmenter, set()).add(place)
    loops: dict[tuple[str, str, str], dict[int, tuple[float, ...]]] = {}
    traces: dict[str, tuple[Path, str]] = {}
    for place, rows in tables:
        for row in rows:
            several = len(owners[row.segmenter]) > 1
            name = f"{_short(place)}/{row.segmenter}" if several else row.segmenter
            if name not in traces:
                traces[name] = _folder(place) / "traces", row.segmenter
            steps = loops.setdefault((name, row.case, row.strategy), {})
            if row.step in steps:
                raise InputError(
                    f"{place}: step {row.step} of {row.case}, {name}, {row.strategy} stands twice",
                    remedy=_AGAIN,
                )
            steps[row.step] = row.values
    if not loops:
        raise InputError("there are no scores", remedy="Give folders that `evaluate` wrote.")
    cases = _read_cases([place for place, _ in tables])
    return replace(_arrange(loops), rows=cases, traces=traces)


def centres_of(cases: Sequence[str], source: str | None) -> list[str] | None:
    """Centre of each case.

    Args:
        cases: names.
        source: None for no centres; "name" for the first two parts of ``tracer_centre_rest``; else
            a CSV file with the columns case and centre.

    Raises:
        InputError: the file cannot be read or lacks a case, or a name has no such parts.
    """
    if source is None:
        return None
    if source == "name":
        return [subset_of(case) for case in cases]
    path = Path(source)
    by_case = {}
    for row in _rows(path, ("case", "centre")):
        by_case[row["case"]] = row["centre"]
    lost = [case for case in cases if case not in by_case]
    if lost:
        raise InputError(
            f"{path} has no centre for {len(lost)} cases, the first is {lost[0]}",
            remedy="Add a row for each.",
        )
    return [by_case[case] for case in cases]


@dataclass(frozen=True)
class _Row:
    case: str
    segmenter: str
    strategy: str
    step: int
    values: tuple[float, ...]


def _read(place: Path) -> list[_Row]:
    path = place / "scores.csv" if place.is_dir() else place
    rows = []
    for number, row in enumerate(_rows(path, (*_TEXTS, "step", *CURVES)), start=2):
        try:
            values = tuple(float(row[name]) for name in CURVES)
            rows.append(
                _Row(row["case"], row["segmenter"], row["strategy"], int(row["step"]), values)
            )
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{path}, line {number}: not a row of scores", remedy=_AGAIN
            ) from error
    return rows


def _read_cases(places: Sequence[Path]) -> dict[str, CaseRow]:
    found = {}
    for place in places:
        path = _folder(place) / "cases.csv"
        if not path.exists():
            continue
        for row in _rows(path, tuple(column.name for column in fields(CaseRow))):
            try:
                found[row["case"]] = CaseRow(
                    row["case"],
                    row["tracer"],
                    int(row["lesions"]),
                    float(row["volume_ml"]),
                    float(row["suv_max"]),
                    float(row["largest_ml"]),
                )
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"{path}: not a row of a case: {row['case']}", remedy=_AGAIN
                ) from error
    return found


def _rows(path: Path, columns: tuple[str, ...]) -> Iterable[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in columns if name not in (reader.fieldnames or ())]
            if lacking:
                raise InputError(
                    f"{path} has no column {lacking[0]!r}",
                    remedy=f"Give a table with {', '.join(columns)}.",
                )
            yield from reader
    except OSError as error:
        raise InputError(
            f"cannot read {path}", cause=f"{error.strerror or error}.", remedy="Check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} is not a CSV table",
            cause=f"{error}.",
            remedy="Write it as CSV in UTF-8.",
        ) from error


def _arrange(loops: dict[tuple[str, str, str], dict[int, tuple[float, ...]]]) -> CohortScores:
    algorithms = tuple(dict.fromkeys(key[0] for key in loops))
    cases = tuple(sorted({key[1] for key in loops}))
    strategies = tuple(sorted({key[2] for key in loops}))
    places = [
        {name: n for n, name in enumerate(names)} for names in (algorithms, cases, strategies)
    ]
    longest = max(len(steps) for steps in loops.values())
    shape = (len(algorithms), len(cases), len(strategies))
    filled = np.full((*shape, longest, len(CURVES)), np.nan)
    present = np.zeros(shape, dtype=np.bool_)
    carried = 0
    for key, steps in loops.items():
        if sorted(steps) != list(range(len(steps))):
            raise InputError(
                f"{key[1]}, {key[0]}, {key[2]}: the steps are not 0, 1, 2 and so on", remedy=_AGAIN
            )
        place = tuple(index[name] for index, name in zip(places, key, strict=True))
        rows = np.array([steps[n] for n in range(len(steps))])
        filled[place][: len(rows)] = rows
        filled[place][len(rows) :, : CURVES.index("seconds")] = rows[-1, : CURVES.index("seconds")]
        present[place] = True
        carried += len(rows) < longest
    curves = {name: np.ascontiguousarray(filled[..., n]) for n, name in enumerate(CURVES)}
    return CohortScores(algorithms, cases, strategies, curves, present, carried)


def _mean_over(values: Sequence[Floats]) -> Floats:
    stacked = np.stack(values)
    count = np.isfinite(stacked).sum(axis=0)
    mean = np.full(count.shape, np.nan)
    np.divide(np.nansum(stacked, axis=0), count, out=mean, where=count > 0)
    return mean


def _folder(place: Path) -> Path:
    return place if place.is_dir() else place.parent


def _short(place: Path) -> str:
    place = place.resolve()
    return place.parent.name if place.name == "scores.csv" else place.stem
