"""The longitudinal CT data: a baseline and a follow-up CT of each patient, with lesions in both.

::

    inputsTr/<patient>_BL_img_BL_img_<part>.nii.gz    CT at baseline, in one or more parts
    inputsTr/<patient>_BL_mask_BL_img_<part>.nii.gz   its lesions: 0, or the number of the lesion
    inputsTr/<patient>_FU_img_FU_img_<part>.nii.gz    CT at follow-up
    targetsTr/<patient>_FU_mask_FU_img_<part>.nii.gz  its lesions
    inputsTr/<patient>_BL_<part>.json, _FU_<part>.json  a point for each lesion
    inputsTr/<patient>.csv                            a row for each lesion, with both parts

There is no PET, and the two scans are not registered to each other. Points at follow-up are where a
registration put the baseline's, or the true centre where it failed.

Sources: DOI 10.57754/FDAT.qwsry-7t837; evaluation code and README of autoPET/CT IV, task 2.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lesionloop.datasets.source_files import images_named, read_json, read_table, require_inside
from lesionloop.errors import InputError
from lesionloop.imaging import Quantity, Volume, read_label, read_volume, require_same_grid

__all__ = ["CtScan", "LongitudinalPair", "find_pairs", "is_longitudinal"]

_INPUTS, _TARGETS = "inputsTr", "targetsTr"
_IMAGE = re.compile(r"(?P<patient>.+)_(?P<time>BL|FU)_img_(?P=time)_img_(?P<part>\d+)", re.DOTALL)

#: No volume has as many voxels along an axis.
_FARTHEST = 1e6

Time = Literal["BL", "FU"]


@dataclass(frozen=True)
class CtScan:
    """One part of a patient's CT at one time.

    Args:
        patient: as the data set names them.
        time: "BL" for baseline, "FU" for follow-up.
        part: number of the part of the body, from 0.
        ct: file of the CT, HU.
        label: file of its lesions, numbered from 1; None when there is none.
        points: JSON file with a point for each lesion, or None.
        folder: the data set, out of which no link may lead.
    """

    patient: str
    time: Time
    part: int
    ct: Path
    label: Path | None
    points: Path | None
    folder: Path

    def read(self) -> tuple[Volume, Volume | None]:
        """CT in HU and its lesions (0, or the number of the lesion), [x, y, z] on one grid.

        Raises:
            InputError: a file is damaged or a link out of the data set, or the grids differ.
        """
        ct = read_volume(require_inside(self.ct, self.folder), Quantity.HU)
        if self.label is None:
            return ct, None
        label = read_label(require_inside(self.label, self.folder))
        require_same_grid(label, ct)
        return ct, label

    def read_points(self) -> dict[str, NDArray[np.float64]]:
        """Lesion to its point, (3,): index of a voxel [x, y, z], fractional, as the file has it.

        Empty when there is no file. Files that were looked at count the middle of the first voxel
        as 0.5, which is not documented; nothing is subtracted here.

        Raises:
            InputError: the file is not a list of such points.
        """
        if self.points is None:
            return {}
        content = read_json(require_inside(self.points, self.folder))
        entries = content.get("points") if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise _no_points(self.points, 'It has no list "points".')
        found = {}
        for number, entry in enumerate(entries):
            point = entry.get("point") if isinstance(entry, dict) else None
            if not _is_point(point):
                raise _no_points(self.points, f"Entry {number} has no point of three numbers.")
            found[str(entry.get("name", number))] = np.array(point, dtype=float)
        return found


@dataclass(frozen=True)
class LongitudinalPair:
    """A baseline and a follow-up scan in which lesions are to be compared.

    Args:
        patient: as the data set names them.
        baseline: scan at baseline, or None when this part was not scanned then.
        follow_up: scan at follow-up, or None.
        lesions: rows of the patient's table that are about these two parts.
        notes: what is unusual.
    """

    patient: str
    baseline: CtScan | None
    follow_up: CtScan | None
    lesions: tuple[Mapping[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())


def is_longitudinal(folder: Path) -> bool:
    """Whether a folder is in the layout of the longitudinal CT data."""
    return any(_IMAGE.fullmatch(name) for name in images_named(folder / _INPUTS))


def find_pairs(folder: Path) -> list[LongitudinalPair]:
    """Pairs of scans by patient: those that a row of the table names; the rest by equal parts.

    A damaged table is told in the notes of the patient's pairs, which then go by parts.

    Raises:
        InputError: the folder is not in this layout.
    """
    if not is_longitudinal(folder):
        raise InputError(
            f"{folder} is not in the layout of the longitudinal CT data",
            cause=f"There is no {_INPUTS}/<patient>_BL_img_BL_img_<part>.nii.gz.",
            remedy="Give the folder that holds inputsTr and targetsTr.",
        )
    scans: dict[str, dict[tuple[str, int], CtScan]] = {}
    for scan in _scans(folder):
        scans.setdefault(scan.patient, {})[scan.time, scan.part] = scan
    return [pair for patient in sorted(scans) for pair in _pairs(folder, patient, scans[patient])]


def _scans(folder: Path) -> list[CtScan]:
    inputs, targets = (images_named(folder / name) for name in (_INPUTS, _TARGETS))
    found = []
    for name, path in inputs.items():
        parts = _IMAGE.fullmatch(name)
        if parts is None:
            continue
        patient, time, part = parts["patient"], parts["time"], parts["part"]
        label = f"{patient}_{time}_mask_{time}_img_{part}"
        points = folder / _INPUTS / f"{patient}_{time}_{part}.json"
        found.append(
            CtScan(
                patient=patient,
                time="BL" if time == "BL" else "FU",
                part=int(part),
                ct=path,
                label=inputs.get(label, targets.get(label)),
                points=points if points.is_file() else None,
                folder=folder,
            )
        )
    return found


def _pairs(
    folder: Path, patient: str, scans: Mapping[tuple[str, int], CtScan]
) -> list[LongitudinalPair]:
    notes: tuple[str, ...] = ()
    table = folder / _INPUTS / f"{patient}.csv"
    rows: list[dict[str, str]] = []
    try:
        if table.is_file():
            rows = read_table(require_inside(table, folder))
        else:
            notes = ("There is no table: scans are paired by the number of their part.",)
    except InputError as error:
        notes = (f"The table is left out, and scans are paired by part: {error.what}.",)
    linked: dict[tuple[int, int], list[Mapping[str, str]]] = {}
    for row in rows:
        parts = (_whole(row.get("img_id_bl")), _whole(row.get("img_id_fu")))
        if parts[0] is not None and parts[1] is not None:
            linked.setdefault((parts[0], parts[1]), []).append(row)
    used = {("BL", bl) for bl, _ in linked} | {("FU", fu) for _, fu in linked}
    free = {key: scan for key, scan in scans.items() if key not in used}
    of_rows = [
        (scans.get(("BL", bl)), scans.get(("FU", fu)), linked[bl, fu]) for bl, fu in sorted(linked)
    ]
    by_part = [
        (free.get(("BL", part)), free.get(("FU", part))) for part in sorted({n for _, n in free})
    ]
    return [
        *(LongitudinalPair(patient, bl, fu, tuple(lesions), notes) for bl, fu, lesions in of_rows),
        *(LongitudinalPair(patient, bl, fu, (), notes) for bl, fu in by_part),
    ]


def _whole(text: str | None) -> int | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 3
        and all(isinstance(n, int | float) and not isinstance(n, bool) for n in point)
        and all(abs(n) <= _FARTHEST for n in point)  # false for NaN
    )


def _no_points(path: Path, cause: str) -> InputError:
    return InputError(
        f"{path} does not hold points of lesions",
        cause=cause,
        remedy='It is {"points": [{"name": lesion, "point": [x, y, z]}, ...]}.',
    )
