"""Organ maps: which organ each voxel of a study belongs to.

A map is an image of whole numbers with names for the numbers. The names come from a table beside
the file (``labels.json``, or nnU-Net's ``dataset.json``), from a table given, or are those of
TotalSegmentator.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, read_label
from lesionloop.imaging.resample import resample_label
from lesionloop.metrics.box import Box
from lesionloop.quantification.organ_names import MERGED, TOTALSEGMENTATOR, organ_name

__all__ = ["NAME_TABLES", "OrganMap", "read_organ_map", "read_organ_names"]

#: Tables of names looked for beside a map, the first that is there.
NAME_TABLES = ("labels.json", "dataset.json")


@dataclass(frozen=True, eq=False)
class OrganMap:
    """Organs on a study's PET grid.

    Args:
        labels: whole numbers [x, y, z], 0 outside all organs.
        names: label to name, in the spelling of :func:`organ_name`; labels of one name are one
            organ, labels without a name are called ``label_<number>``.
        source: file or program, for messages.
    """

    labels: NDArray[Any]
    names: Mapping[int, str]
    source: str = "in memory"

    @cached_property
    def organs(self) -> dict[str, tuple[int, ...]]:
        """Labels of each organ that has a voxel, in the order of the labels.

        Organs that the map holds in parts, such as the lobes of the lung, follow as a whole under
        their own name when the map has no label of it.
        """
        found: dict[str, list[int]] = {}
        for label in self._boxes:
            found.setdefault(self.names.get(label, f"label_{label}"), []).append(label)
        for whole, parts in MERGED.items():
            held = [label for part in parts for label in found.get(part, ())]
            if held and whole not in found:
                found[whole] = held
        return {name: tuple(labels) for name, labels in found.items()}

    def cut(self, organ: str, pad: int = 1) -> tuple[Box, NDArray[np.bool_]]:
        """The box of an organ and so many voxels around it, and its mask in there.

        Returns:
            The box, within the grid, and bool of its shape.
        """
        labels = self.organs[organ]
        box = _padded([self._boxes[label] for label in labels], pad, self.labels.shape)
        part = self.labels[box]
        mask = part == labels[0]
        for label in labels[1:]:
            mask |= part == label
        return box, np.asarray(mask)

    @cached_property
    def _boxes(self) -> dict[int, Box]:
        """The box of each label that has a voxel."""
        flip = self.labels.flags.f_contiguous and not self.labels.flags.c_contiguous
        found = find_objects(self.labels.T if flip else self.labels)
        return {
            label: tuple(box[::-1] if flip else box)
            for label, box in enumerate(found, start=1)
            if box is not None
        }


def read_organ_map(
    path: Path | str, grid: Grid, *, names: str | Path | Mapping[int, str] | None = None
) -> OrganMap:
    """Read an organ map and bring it onto a study's PET grid, each voxel by the nearest label.

    Args:
        path: NIfTI or MHA of whole numbers.
        grid: of the PET.
        names: label to name; the file of such a table; "totalsegmentator" for those of its task
            "total", version 2; None: the table beside the file.

    Raises:
        InputError: the file or the table cannot be read, there are no names, or no organ lies in
            the PET.
    """
    path = Path(path)
    table = _names_for(path, names)
    volume = resample_label(read_label(path), grid)
    highest = int(volume.values.max(initial=0))
    if not highest:
        raise InputError(
            f"the organ map {path} holds no organ where the PET is",
            cause="All its labels there are 0.",
            remedy="Check that it is the map of this study.",
        )
    small = np.uint8 if highest < 256 else np.uint16 if highest < 65536 else np.uint32
    return OrganMap(volume.values.astype(small, copy=False), table, str(path))


def read_organ_names(path: Path | str) -> dict[int, str]:
    """Read a table of names: ``{"1": "spleen"}``, ``{"spleen": 1}``, or either under "labels".

    Raises:
        InputError: it cannot be read or is no such table.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read the organ names {path}",
            cause=f"{getattr(error, 'strerror', None) or error}.",
            remedy='It is JSON such as {"1": "spleen", "2": "liver"}.',
        ) from error
    entries = content.get("labels", content) if isinstance(content, dict) else None
    names: dict[int, str] = {}
    for key, value in entries.items() if isinstance(entries, dict) else ():
        number, name = (value, key) if isinstance(value, int) else (key, value)
        if not str(number).isdecimal() or not isinstance(name, str):
            names.clear()
            break
        if int(number):
            names[int(number)] = organ_name(name)
    if not names:
        raise InputError(
            f"{path} is not a table of organ names",
            cause="It does not pair names with whole numbers above 0.",
            remedy='It is JSON such as {"1": "spleen", "2": "liver"}.',
        )
    return names


def _names_for(path: Path, names: str | Path | Mapping[int, str] | None) -> dict[int, str]:
    if isinstance(names, Mapping):
        return {number: organ_name(name) for number, name in names.items()}
    if names == "totalsegmentator":
        return dict(TOTALSEGMENTATOR)
    if names is not None:
        return read_organ_names(names)
    for table in NAME_TABLES:
        if (path.parent / table).is_file():
            return read_organ_names(path.parent / table)
    raise InputError(
        f"the organ map {path} has no names",
        cause=f"There is no {' and no '.join(NAME_TABLES)} beside it.",
        remedy="Give a table with --organ-names FILE, or --organ-names totalsegmentator.",
    )


def _padded(boxes: list[Box], pad: int, shape: tuple[int, ...]) -> Box:
    x, y, z = (
        slice(
            max(0, min(box[axis].start for box in boxes) - pad),
            min(shape[axis], max(box[axis].stop for box in boxes) + pad),
        )
        for axis in range(3)
    )
    return x, y, z
