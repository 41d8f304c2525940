"""What is known of the subjects, as columns of numbers to regress out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.metabolic.cells import SUBJECT_COLUMNS, Table, is_missing

__all__ = ["Design", "design_of", "group_names"]

Floats = NDArray[np.float64]

#: A column of texts with more different ones than this is no category but a mistake.
MOST_LEVELS: Final = 10


@dataclass(frozen=True, eq=False)
class Design:
    """Covariates as numbers, without the constant.

    Args:
        names: of the columns; ``sex=m`` for a category against its first level.
        values: (subjects, columns); NaN where a subject's is not known.
    """

    names: tuple[str, ...] = ()
    values: Floats = field(default_factory=lambda: np.empty((0, 0)))

    def rows(self, keep: NDArray[np.bool_], notes: list[str]) -> "Design":
        """Those subjects only; columns that no longer vary go, which is noted."""
        values = self.values[keep]
        varies = np.ptp(values, axis=0) > 0 if len(values) else np.zeros(0, dtype=np.bool_)
        flat = [name for name, v in zip(self.names, varies, strict=True) if not v]
        if flat:
            notes.append(f"The same for all subjects, so without effect: {', '.join(flat)}.")
        names = tuple(name for name, v in zip(self.names, varies, strict=True) if v)
        return Design(names, values[:, varies])


def design_of(
    table: Table, subjects: Sequence[str], use: Sequence[str], groups: str | None
) -> Design:
    """The covariates of the subjects, in their order.

    A column of numbers stays one column; one of texts becomes a column of 0 and 1 for each level
    but the first in alphabetical order.

    Raises:
        InputError: columns are missing, a subject is there twice, a column mixes numbers and texts,
            or has too many texts to be a category.
    """
    table.require([*use, *([groups] if groups else [])])
    row_of = table.row_of_subject()
    chosen = list(dict.fromkeys(use)) or [
        name for name in table.columns if name not in SUBJECT_COLUMNS and name != groups
    ]
    names: list[str] = []
    columns: list[Floats] = []
    for name in chosen:
        for label, column in _columns(table, name):
            names.append(label)
            columns.append(np.array([column[row_of[s]] if s in row_of else np.nan
                                     for s in subjects]))  # fmt: skip
    values = np.array(columns).T if columns else np.empty((len(subjects), 0))
    return Design(tuple(names), values)


def group_names(table: Table, subjects: Sequence[str], groups: str) -> list[str | None]:
    """The group of each subject, None where it is not known."""
    row_of = table.row_of_subject()
    found: list[str | None] = []
    for subject in subjects:
        value = table.rows[row_of[subject]][groups] if subject in row_of else None
        found.append(None if is_missing(value) else str(value).strip())
    return found


def _columns(table: Table, name: str) -> list[tuple[str, Floats]]:
    cells = [row[name] for row in table.rows]
    known = [cell for cell in cells if not is_missing(cell)]
    if any(_is_number(cell) for cell in known):
        return [(name, np.array([table.number(row, name) for row in range(len(cells))]))]
    texts = [None if is_missing(cell) else str(cell).strip() for cell in cells]
    levels = sorted({text for text in texts if text is not None})
    if len(levels) > MOST_LEVELS:
        raise InputError(
            f"{table.path}: the column {name!r} holds {len(levels)} different texts",
            cause=f"A covariate is a number or a category of at most {MOST_LEVELS} levels.",
            remedy="Name the covariates to use with --covariate.",
        )
    return [
        (
            f"{name}={level}",
            np.array([np.nan if text is None else float(text == level) for text in texts]),
        )
        for level in levels[1:]
    ]


def _is_number(cell: object) -> bool:
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
