"""A cohort: one value per subject and organ, what is known of the subjects, and who is complete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.metabolic.cells import SUBJECT_COLUMNS, Table, read_table
from lesionloop.metabolic.covariates import Design, design_of, group_names
from lesionloop.quantification.organ_names import MERGED

__all__ = ["VALUES", "Cohort", "Missing", "Value", "read_cohort"]

Floats = NDArray[np.float64]
Value = Literal["mean", "peak", "liver-ratio", "blood-ratio"]
Missing = Literal["listwise", "drop-organs"]

#: Value of a node -> column of the long table and the organs that may divide it, the first there.
VALUES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "mean": ("suv_mean", ()),
    "peak": ("suv_peak", ()),
    "liver-ratio": ("suv_mean", ("liver",)),
    "blood-ratio": ("suv_mean", ("blood_pool", "aorta")),
}

#: Spread of an organ below which it counts as constant, relative to its size.
_CONSTANT = 1e-9


@dataclass(frozen=True, eq=False)
class Cohort:
    """Complete subjects, sorted by name, so that the order of a file's rows never counts.

    Args:
        subjects: names.
        organs: names.
        values: (subjects, organs), SUV in g/ml or a ratio, all finite.
        design: covariates, a row per subject.
        groups: of each subject; empty without groups.
        notes: what was left out and why, for people.
    """

    subjects: tuple[str, ...]
    organs: tuple[str, ...]
    values: Floats
    design: Design = field(default_factory=Design)
    groups: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, group: str) -> NDArray[np.bool_]:
        """(subjects,) who is in a group."""
        return np.array([name == group for name in self.groups])


def read_cohort(
    table: Path,
    covariates: Path | None = None,
    *,
    value: Value = "mean",
    organs: Sequence[str] = (),
    use: Sequence[str] = (),
    groups: str | None = None,
    missing: Missing = "listwise",
) -> Cohort:
    """Read a cohort from the table of organs and, if given, one of covariates.

    Args:
        table: ``organs.csv`` of ``lesionloop quantify`` (a row per study and organ), or a wide one
            with a row per subject and a column per organ; CSV or Parquet.
        covariates: a row per subject: age, sex, injected dose, group, ...
        value: what a node is. A wide table holds it already; there ``mean`` and ``peak`` take the
            numbers as they stand.
        organs: which organs; empty for all. Where an organ and its parts are in the table
            (``kidney``, ``kidney_left``), all means the whole and not the parts.
        use: columns of the covariates to regress out; empty for all but ``groups``.
        groups: column of the covariates that names the group; it is not regressed out.
        missing: ``listwise`` leaves out subjects that lack anything; ``drop-organs`` first leaves
            out organs that some subject lacks.

    Raises:
        InputError: a table cannot be read, lacks columns, names a subject twice, or has a cell that
            is no number; an organ is constant; nobody is left.
    """
    if value not in VALUES or missing not in ("listwise", "drop-organs"):
        raise InputError(
            f"unknown value {value!r} or rule for missing values {missing!r}",
            remedy=f"Use {', '.join(VALUES)}; listwise or drop-organs.",
        )
    raw = read_table(table)
    notes: list[str] = []
    if "organ" in raw.columns:
        subjects, found = _long(raw, VALUES[value][0])
    else:
        subjects, found = _wide(raw, [*organs, *VALUES[value][1]] if organs else ())
        if value == "peak":
            notes.append("A wide table does not say what its values are; peak was taken on trust.")
    found = _divided(found, VALUES[value][1], table, notes)
    found = _chosen(found, organs, table, notes)
    order = sorted(range(len(subjects)), key=subjects.__getitem__)
    names = [subjects[n] for n in order]
    values = np.array([column[order] for column in found.values()]).T
    design, members = _known(covariates, names, use, groups, notes)
    keep_organs = np.ones(len(found), dtype=np.bool_)
    if missing == "drop-organs":
        keep_organs = ~np.isnan(values).any(axis=0)
        if not keep_organs.all():
            gone = [name for name, kept in zip(found, keep_organs, strict=True) if not kept]
            notes.append(f"Organs left out because some subject lacks them: {', '.join(gone)}.")
    kept_names = [name for name, kept in zip(found, keep_organs, strict=True) if kept]
    values = values[:, keep_organs]
    keep = _complete(kept_names, values, design, members, notes=notes, path=table)
    cohort = Cohort(
        tuple(name for name, kept in zip(names, keep, strict=True) if kept),
        tuple(kept_names),
        values[keep],
        design.rows(keep, notes),
        tuple(str(name) for name, kept in zip(members, keep, strict=True) if kept)
        if groups
        else (),
        tuple(notes),
    )
    _refuse_constant(cohort, table)
    return cohort


def _long(table: Table, column: str) -> tuple[list[str], dict[str, Floats]]:
    subject = table.subject_column()
    table.require([column])
    cells: dict[str, dict[str, float]] = {}
    subjects: dict[str, int] = {}
    for row in range(len(table.rows)):
        who, organ = table.text(row, subject), table.text(row, "organ")
        subjects.setdefault(who, len(subjects))
        entries = cells.setdefault(organ, {})
        if who in entries:
            raise InputError(
                f"{table.where(row, 'organ')}: {organ} of {who} is there twice",
                remedy="Give each subject a name of its own, and each organ one row.",
            )
        entries[who] = table.number(row, column)
    found = {
        organ: np.array([entries.get(who, np.nan) for who in subjects])
        for organ, entries in cells.items()
    }
    return list(subjects), found


def _wide(table: Table, needed: Sequence[str]) -> tuple[list[str], dict[str, Floats]]:
    row_of = table.row_of_subject()
    columns = [
        name
        for name in table.columns
        if name not in SUBJECT_COLUMNS and (not needed or name in needed)
    ]
    found = {
        name: np.array([table.number(row, name) for row in row_of.values()]) for name in columns
    }
    return list(row_of), found


def _divided(
    found: dict[str, Floats], by: Sequence[str], path: Path, notes: list[str]
) -> dict[str, Floats]:
    """The ratio to a reference organ, which is then no node: it would be 1 for everyone."""
    if not by:
        return found
    reference = next((name for name in by if name in found), None)
    if reference is None:
        raise InputError(
            f"{path} has no organ {' or '.join(by)} to divide by",
            cause=f"It has {', '.join(found)}.",
            remedy="Use --value mean, or a table that has it.",
        )
    below = found[reference]
    if (below <= 0).any():
        raise InputError(
            f"{path}: the {reference} of a subject has no uptake above 0, nothing to divide by",
            remedy="Use --value mean, or leave that subject out.",
        )
    notes.append(
        f"Values are ratios to {reference}, which is no node. Ratios with a common divisor are "
        "correlated even where the organs are not: its noise is in all of them."
    )
    return {name: column / below for name, column in found.items() if name != reference}


def _chosen(
    found: dict[str, Floats], organs: Sequence[str], path: Path, notes: list[str]
) -> dict[str, Floats]:
    unknown = [name for name in organs if name not in found]
    if unknown:
        raise InputError(
            f"{path} has no organ {', '.join(map(repr, unknown))}",
            cause=f"The organs are {', '.join(found)}.",
        )
    if organs:
        return {name: found[name] for name in dict.fromkeys(organs)}
    parts = {part for whole, made_of in MERGED.items() if whole in found for part in made_of}
    gone = [name for name in found if name in parts]
    if gone:
        notes.append(f"Parts of an organ that is there as a whole are no nodes: {', '.join(gone)}.")
    return {name: column for name, column in found.items() if name not in parts}


def _known(
    path: Path | None,
    subjects: Sequence[str],
    use: Sequence[str],
    groups: str | None,
    notes: list[str],
) -> tuple[Design, list[str | None]]:
    """Covariates and group of each subject; None for a subject without a group."""
    if path is None:
        if groups or use:
            raise InputError(
                "groups and covariates need a table of covariates", remedy="Give --covariates FILE."
            )
        return Design(values=np.empty((len(subjects), 0))), [""] * len(subjects)
    table = read_table(path)
    design = design_of(table, subjects, use, groups)
    if design.names:
        notes.append(f"Regressed out of every organ: {', '.join(design.names)}.")
    return design, group_names(table, subjects, groups) if groups else [""] * len(subjects)


def _complete(
    organs: Sequence[str],
    values: Floats,
    design: Design,
    members: Sequence[str | None],
    *,
    notes: list[str],
    path: Path,
) -> NDArray[np.bool_]:
    """Who lacks nothing; says how many go and what they lack most."""
    lacks = {name: np.isnan(column) for name, column in zip(organs, values.T, strict=True)}
    lacks |= {
        name: np.isnan(column) for name, column in zip(design.names, design.values.T, strict=True)
    }
    lacks["group"] = np.array([name is None for name in members])
    counts = {name: int(gone.sum()) for name, gone in lacks.items() if gone.any()}
    keep = ~np.any(list(lacks.values()), axis=0)
    worst = sorted(counts, key=lambda name: -counts[name])[:5]
    told = ", ".join(f"{name} ({counts[name]})" for name in worst)
    if not keep.any() or not organs:
        raise InputError(
            f"{path}: no subject has a value for everything",
            cause=f"Missing most: {told or 'organs'}.",
            remedy="Choose organs with --organ, or leave incomplete ones out with "
            "--missing drop-organs.",
        )
    if not keep.all():
        notes.append(
            f"{int((~keep).sum())} of {len(keep)} subjects are left out because they lack a value "
            f"(listwise). Missing most: {told}."
        )
    return np.asarray(keep)


def _refuse_constant(cohort: Cohort, path: Path) -> None:
    spread = np.ptp(cohort.values, axis=0)
    flat = spread <= _CONSTANT * np.abs(cohort.values).max(axis=0)
    if flat.any():
        names = [name for name, is_flat in zip(cohort.organs, flat, strict=True) if is_flat]
        raise InputError(
            f"{path}: {', '.join(names)} has the same value for all {len(cohort.subjects)} subjects"
            " that lack nothing",
            cause="What does not vary has no correlation.",
            remedy="Choose the other organs with --organ.",
        )
