"""Check of one case: whether its files can be read, lie on one grid and hold what they should."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lesionloop.datasets.check_values import (
    Doubt,
    content_hash,
    ct_doubts,
    label_doubts,
    pet_doubts,
)
from lesionloop.datasets.findings import Finding, Severity
from lesionloop.datasets.inventory import Parts
from lesionloop.datasets.source_files import leaves
from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, read_volume

__all__ = ["CaseCheck", "CaseJob", "check_case"]

#: Role to what its values are, and what may speak against them.
_ROLES: dict[str, tuple[Quantity, Callable[[NDArray[Any]], Iterator[Doubt]]]] = {
    "pet": (Quantity.SUV_BW, pet_doubts),
    "ct": (Quantity.HU, ct_doubts),
    "label": (Quantity.LABEL, label_doubts),
}
_NAMES = {"pet": "PET", "ct": "CT", "label": "label"}


@dataclass(frozen=True)
class CaseJob:
    """A case to be checked.

    Args:
        dataset: folder of the data set.
        parts: its files.
    """

    dataset: Path
    parts: Parts


@dataclass(frozen=True)
class CaseCheck:
    """What was found in a case.

    Args:
        name: case name.
        folder: folder of its images.
        findings: in no order.
        hashes: "pet" and "ct" to a hash of their values.
    """

    name: str
    folder: str
    findings: list[Finding] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)


def check_case(job: CaseJob) -> CaseCheck:
    """Read every image of a case, one at a time, and judge it.

    Nothing is raised for what is wrong with a file: that is a finding.
    """
    parts = job.parts
    check = CaseCheck(parts.name, parts.folder)

    def add(severity: Severity, kind: str, files: list[Path], detail: str, remedy: str) -> None:
        names = tuple(path.relative_to(job.dataset).as_posix() for path in files)
        check.findings.append(Finding(severity, kind, names, detail, remedy, parts.name))

    roles: dict[str, tuple[Path, ...]] = {"pet": parts.pet, "ct": parts.ct, "label": parts.label}
    grids: dict[str, tuple[Path, Grid]] = {}
    for role, paths in roles.items():
        if len(paths) > 1:
            add(
                Severity.ERROR, f"{_NAMES[role]} is there twice", list(paths), "",
                "Remove one of them.",
            )  # fmt: skip
        for path in paths[:1]:
            if leaves(path, job.dataset):
                add(
                    Severity.WARNING, "link leads out of the data set", [path],
                    f"It leads to {path.resolve()}.", "Copy the file into the data set.",
                )  # fmt: skip
            quantity, doubts = _ROLES[role]
            try:
                volume = read_volume(path, quantity)
            except InputError as error:
                detail = " ".join(filter(None, (f"{error.what}.", error.cause)))
                add(
                    Severity.ERROR, f"{_NAMES[role]} cannot be read", [path], detail,
                    error.remedy or "Copy or export the file again.",
                )  # fmt: skip
                continue
            grids[role] = path, volume.grid
            for doubt in doubts(volume.values):
                add(doubt.severity, doubt.kind, [path], doubt.detail, doubt.remedy)
            if role != "label":
                check.hashes[role] = content_hash(volume.values)
    for role in ("ct", "label"):
        if "pet" in grids and role in grids:
            _compare(add, role, grids[role], grids["pet"])
    if "pet" in check.hashes and check.hashes.get("ct") == check.hashes["pet"]:
        add(
            Severity.ERROR, "CT and PET are the same image", [*parts.ct[:1], *parts.pet[:1]], "",
            "Copy the right files.",
        )  # fmt: skip
    return check


def _compare(
    add: Callable[[Severity, str, list[Path], str, str], None],
    role: str,
    one: tuple[Path, Grid],
    pet: tuple[Path, Grid],
) -> None:
    (path, grid), (pet_path, pet_grid) = one, pet
    if grid.agrees_with(pet_grid):
        return
    if grid.shape != pet_grid.shape:
        detail = f"Their shapes are {grid.shape} and {pet_grid.shape} (x, y, z)."
    else:
        detail = f"Their corners are up to {grid.worst_offset_mm(pet_grid):.4g} mm apart."
    remedy = (
        "`lesionloop convert` brings the CT to the PET grid."
        if role == "ct"
        else "Resample the label to the PET grid, or check that they belong together."
    )
    add(
        Severity.ERROR, f"{_NAMES[role]} and PET are on different grids", [path, pet_path], detail,
        remedy,
    )  # fmt: skip
