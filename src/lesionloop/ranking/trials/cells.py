"""Cells of the benchmark's table: what every competitor scores in one block at one centre."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.ranking.trials.blocks import (
    BLOCKS,
    THOUSANDS,
    TRIALS_METRICS,
    Block,
    block_named,
)
from lesionloop.ranking.trials.csv_rows import read_rows

__all__ = ["Cell", "is_cell_table", "read_cells"]

Floats = NDArray[np.float64]

_COMPETITOR = ("competitor", "team", "algorithm")
_BLOCK = ("block", "paradigm")


@dataclass(frozen=True, eq=False)
class Cell:
    """Values of a data set: one block at one centre.

    Args:
        block: name of the block.
        centre: name of the centre.
        competitors: names.
        values: metric -> (competitors,); RVD is a ratio and distances are in mm, not in thousands.
            NaN where a metric is not defined, and for those that the block does not rank.

    Raises:
        InputError: the block or a metric is unknown, a name stands twice, or shapes do not agree.
    """

    block: str
    centre: str
    competitors: tuple[str, ...]
    values: Mapping[str, Floats]

    def __post_init__(self) -> None:
        if self.block not in BLOCKS:
            raise InputError(f"unknown block {self.block!r}")
        twice = [name for name in self.competitors if self.competitors.count(name) > 1]
        if twice:
            raise InputError(f"{self.place}: {twice[0]} stands twice")
        unknown = sorted(set(self.values) - set(TRIALS_METRICS))
        if unknown:
            raise InputError(f"{self.place}: unknown metric {unknown[0]!r}")
        for name, values in self.values.items():
            if values.shape != (len(self.competitors),):
                raise InputError(f"{self.place}: {name} does not have a value per competitor")

    @property
    def place(self) -> str:
        """Block and centre, for messages and keys."""
        return f"{self.block}/{self.centre}"

    def only(self, names: Sequence[str]) -> "Cell":
        """The cell of some competitors, in this order; one that is absent has the worst values."""
        metrics = BLOCKS[self.block].metrics
        rows = {name: n for n, name in enumerate(self.competitors)}
        values = {
            metric: np.array(
                [column[rows[name]] if name in rows else _worst(metric, metrics) for name in names],
                dtype=np.float64,
            )
            for metric, column in self.values.items()
        }
        return Cell(self.block, self.centre, tuple(names), values)


def _worst(metric: str, ranked: Sequence[str]) -> float:
    worst = TRIALS_METRICS[metric].worst if metric in ranked else None
    return nan if worst is None else worst


def is_cell_table(columns: Sequence[str]) -> bool:
    """Whether a table with these columns holds values per centre, not records per case."""
    return "centre" in columns and "dice_per_case" in columns


def read_cells(path: Path) -> list[Cell]:
    """Read values per centre.

    Columns: ``centre``, ``team`` (or ``competitor`` or ``algorithm``), ``paradigm`` (or ``block``;
    Task 1 without one) and the metrics. RVD and the distances may be given in thousands, in columns
    like ``assd_k``. An empty cell has no value. Other columns are passed over.

    Args:
        path: a CSV table.

    Raises:
        InputError: the table cannot be read, a metric that the block ranks is missing or no number,
            or a competitor stands twice.
    """
    rows = read_rows(path, ("centre", "dice_per_case"))
    if not rows:
        raise InputError(f"{path} has no rows")
    columns = list(rows[0])
    who = _first_of(path, columns, _COMPETITOR)
    what = next((name for name in _BLOCK if name in columns), None)
    found: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path}, line {number}"
        block = block_named(row[what]) if what else BLOCKS["task1"]
        cell = found.setdefault((block.name, row["centre"]), {})
        if row[who] in cell:
            raise InputError(f"{where}: {row[who]} stands twice in {block.name}/{row['centre']}")
        cell[row[who]] = {
            metric: _value(row, metric, where) for metric in _ranked_of(path, columns, block)
        }
    return [
        Cell(
            block,
            centre,
            tuple(members),
            {
                metric: np.array([member[metric] for member in members.values()])
                for metric in BLOCKS[block].metrics
            },
        )
        for (block, centre), members in found.items()
    ]


def _first_of(path: Path, columns: Sequence[str], names: Sequence[str]) -> str:
    for name in names:
        if name in columns:
            return name
    raise InputError(f"{path} has no column {names[0]!r}", remedy=f"Or {' or '.join(names[1:])}.")


def _ranked_of(path: Path, columns: Sequence[str], block: Block) -> tuple[str, ...]:
    for metric in block.metrics:
        if metric not in columns and (metric not in THOUSANDS or f"{metric}_k" not in columns):
            raise InputError(f"{path} has no column {metric!r}, which ranks in {block.name}")
    return block.metrics


def _value(row: Mapping[str, str], metric: str, where: str) -> float:
    column, scale = (metric, 1.0) if metric in row else (f"{metric}_k", 1000.0)
    text = row[column].strip()
    try:
        value = float(text) if text else nan
    except ValueError as error:
        raise InputError(f"{where}: {column} is {text!r}, not a number") from error
    if not np.isfinite(value) and text.lower() not in ("", "nan"):
        raise InputError(f"{where}: {column} is {text}, not a finite number")
    return value * scale
