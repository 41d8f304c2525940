"""Counts and sums per case: all that rankings of resampled cases need, without a voxel.

A record is one prediction of one competitor on one case against the reference of one block. The
table of records is CSV, one row each, with the fields of ``CaseRecord`` as columns.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from math import isfinite, isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.output import write_text
from lesionloop.ranking.trials.blocks import block_named
from lesionloop.ranking.trials.csv_rows import read_rows
from lesionloop.ranking.trials.standings import MISSING_RULES, Missing

__all__ = [
    "COUNTS",
    "CaseRecord",
    "RecordTable",
    "is_record_table",
    "read_records",
    "stack_records",
    "write_records",
]

Floats = NDArray[np.float64]

_NAMES = ("block", "centre", "competitor", "case")
COUNTS = ("tp0", "fp0", "fn0", "tp05", "fp05", "fn05")


@dataclass(frozen=True)
class CaseRecord:
    """What one case adds to a data set.

    Args:
        block: name of the block.
        centre: where the case is from.
        competitor: whose prediction it is.
        case: name.
        tp0, fp0, fn0: lesions detected at any overlap, false and missed.
        tp05, fp05, fn05: the same at IoU > 0.5.
        intersection: voxels of both prediction and reference.
        volumes: voxels of the prediction plus voxels of the reference.
        dice: of the whole volume, 1 when both are empty.
        sum_dice, sum_jaccard, sum_voe, sum_rvd, sum_assd, sum_rmsd, sum_msd: sums over the lesions
            accepted at IoU > 0.5; distances in mm.
        reference: voxels of the reference; NaN when not known. Needed only where another competitor
            has no prediction on the case and gets the worst values.
    """

    block: str
    centre: str
    competitor: str
    case: str
    tp0: float
    fp0: float
    fn0: float
    tp05: float
    fp05: float
    fn05: float
    intersection: float
    volumes: float
    dice: float
    sum_dice: float
    sum_jaccard: float
    sum_voe: float
    sum_rvd: float
    sum_assd: float
    sum_rmsd: float
    sum_msd: float
    reference: float = nan

    def __post_init__(self) -> None:
        where = f"{self.block}/{self.centre}, {self.competitor}, {self.case}"
        for name in _NUMBERS:
            value = getattr(self, name)
            if (not isfinite(value) or value < 0) and not (name == "reference" and isnan(value)):
                raise InputError(f"{where}: {name} is {value}, not 0 or more")
        if self.tp0 + self.fn0 != self.tp05 + self.fn05:
            raise InputError(
                f"{where}: the reference has {self.tp0 + self.fn0:g} lesions at any overlap and "
                f"{self.tp05 + self.fn05:g} at IoU > 0.5"
            )
        if self.tp0 + self.fp0 != self.tp05 + self.fp05:
            raise InputError(
                f"{where}: the prediction has {self.tp0 + self.fp0:g} lesions at any overlap and "
                f"{self.tp05 + self.fp05:g} at IoU > 0.5"
            )
        if self.dice > 1 or 2 * self.intersection > self.volumes:
            raise InputError(f"{where}: Dice is above 1")


_NUMBERS = tuple(column.name for column in fields(CaseRecord) if column.name not in _NAMES)


@dataclass(frozen=True, eq=False)
class RecordTable:
    """The records of one cell as arrays, (competitors, cases).

    Args:
        block, centre: of the cell.
        competitors: names.
        cases: names, ascending.
        values: field of a record -> values; 0 where there is no record.
        present: where there is a record, or the worst values stand for it.
    """

    block: str
    centre: str
    competitors: tuple[str, ...]
    cases: tuple[str, ...]
    values: Mapping[str, Floats]
    present: NDArray[np.bool_]


def is_record_table(columns: Sequence[str]) -> bool:
    """Whether a table with these columns holds records per case."""
    return "case" in columns and "tp05" in columns


def read_records(path: Path) -> list[CaseRecord]:
    """Read a table of records.

    Raises:
        InputError: the table cannot be read, or a row is not a record.
    """
    needed = [column.name for column in fields(CaseRecord) if column.name != "reference"]
    found = []
    for number, row in enumerate(read_rows(path, needed), start=2):
        try:
            values = [float(row.get(name) or nan) for name in _NUMBERS]
        except ValueError as error:
            raise InputError(f"{path}, line {number}: not a record, {error}") from error
        names = (block_named(row["block"]).name, row["centre"], row["competitor"], row["case"])
        try:
            found.append(CaseRecord(*names, *values))
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error.what}") from error
    return found


def write_records(path: Path, records: Iterable[CaseRecord]) -> None:
    """Write a table of records, whole or not at all; numbers in full precision.

    Raises:
        OutputError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in fields(CaseRecord)])
    for record in records:
        writer.writerow([repr(v) if isinstance(v, float) else v for v in astuple(record)])
    write_text(path, text.getvalue())


def stack_records(
    records: Sequence[CaseRecord], competitors: Sequence[str], missing: Missing = "worst"
) -> RecordTable:
    """Bring the records of one cell into arrays.

    Args:
        records: of one block and centre.
        competitors: whose; records of others are passed over, but tell what the reference is like.
        missing: "worst" counts a case without a record with all lesions missed, Dice 0 and the
            voxels of the reference; "skip" does not count it.

    Raises:
        InputError: a record stands twice, competitors were scored against different references, or
            the voxels of a reference are needed and not known.
    """
    if missing not in MISSING_RULES:
        raise InputError(f"unknown rule for missing submissions {missing!r}")
    if len({(record.block, record.centre) for record in records}) != 1:
        raise InputError("records of one block and one centre are needed")
    block, centre = records[0].block, records[0].centre
    cases = sorted({record.case for record in records})
    by_name: dict[tuple[str, str], CaseRecord] = {}
    for record in records:
        key = (record.competitor, record.case)
        if key in by_name:
            raise InputError(f"{block}/{centre}: {key[0]} has two records of {key[1]}")
        by_name[key] = record
    shape = (len(competitors), len(cases))
    values = {name: np.zeros(shape) for name in _NUMBERS}
    present = np.zeros(shape, dtype=np.bool_)
    worst = {case: _worst_of(case, [r for r in records if r.case == case]) for case in cases}
    for row, competitor in enumerate(competitors):
        for column, case in enumerate(cases):
            entry = by_name.get((competitor, case))
            if entry is None and missing == "worst":
                entry = worst[case]
                if isnan(entry.reference):
                    raise InputError(
                        f"{block}/{centre}: {competitor} has no record of {case}, and its worst "
                        "values are not known",
                        cause="No record of the case has the column reference, its voxels.",
                        remedy="Add the column, or leave missing cases out (missing=skip).",
                    )
            if entry is None:
                continue
            present[row, column] = True
            for name in _NUMBERS:
                values[name][row, column] = getattr(entry, name)
    return RecordTable(block, centre, tuple(competitors), tuple(cases), values, present)


def _worst_of(case: str, records: Sequence[CaseRecord]) -> CaseRecord:
    """The record of an empty prediction that even on a case without lesions has Dice 0."""
    first = records[0]
    lesions = {record.tp05 + record.fn05 for record in records}
    voxels = {record.reference for record in records if not isnan(record.reference)}
    if len(lesions) > 1 or len(voxels) > 1:
        raise InputError(
            f"{first.block}/{first.centre}: {case} was scored against different references",
            cause=f"Their lesions are {_listed(lesions)}, their voxels {_listed(voxels)}.",
            remedy="Score all competitors against one reference.",
        )
    count, size = lesions.pop(), voxels.pop() if voxels else nan
    empty = dict.fromkeys(_NUMBERS, 0.0)
    empty |= {"fn0": count, "fn05": count, "reference": size}
    empty["volumes"] = 0.0 if isnan(size) else size
    return CaseRecord(first.block, first.centre, "", case, **empty)


def _listed(values: Iterable[float]) -> str:
    return " and ".join(f"{value:g}" for value in sorted(values)) or "not told"
