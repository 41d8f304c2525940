"""A case where a data set keeps it: its files, and what is known besides the images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lesionloop.errors import InputError

__all__ = ["CaseSource", "Fact", "agreeing"]

Fact = str | float | int | bool | None


@dataclass(frozen=True)
class CaseSource:
    """One PET/CT study of a data set, before it is read.

    Args:
        name: case name in the nnU-Net layout; the tracer in front where it is known.
        tracer: "fdg", "psma" or None when not known.
        patient: patient as the data set names them, or None; studies of one patient share it.
        study: what tells this study from the patient's others, or None.
        pet: PET in SUV.
        ct: CT on any grid, or None.
        label: lesions on the PET grid, or None.
        facts: numbers of the data set that concern this case, such as a threshold.
        metadata: columns of its metadata tables, as text.
        notes: what is unusual, one sentence each.
        problem: why it cannot be read, when that is known already; the files may then be None.
    """

    name: str
    tracer: str | None
    patient: str | None
    study: str | None
    pet: Path | None
    ct: Path | None
    label: Path | None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: InputError | None = None

    @property
    def files(self) -> dict[str, Path]:
        """Role ("ct", "pet", "label") to file, without those that the case has not."""
        roles = {"ct": self.ct, "pet": self.pet, "label": self.label}
        return {role: path for role, path in roles.items() if path is not None}


def agreeing(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Columns in which all rows of a table say the same, without empty cells.

    A study has a row per series in some tables; what differs between them is not about the study.
    """
    if not rows:
        return {}
    first, *others = rows
    return {
        column: value
        for column, value in first.items()
        if value and all(row.get(column) == value for row in others)
    }
