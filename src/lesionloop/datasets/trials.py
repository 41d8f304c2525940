"""The TriALS layout: liver CT in four phases of contrast, with a label of each.

::

    imagesTr/<case>/<case>_nocontrast.nii.gz, _arterial, _venous, _delayed
    labelsTr/<case>/<case>_combined.nii.gz, _nocontrast, _arterial, _venous, _delayed
    cases.csv   (ours, may be missing) columns case, centre, split

Labels hold 0 outside, 1 liver, 2 lesion; ``combined`` is in the frame of ``nocontrast``. Test data
lie in ``imagesTs`` and ``labelsTs``.

Source: the repository xmed-lab/TriALS at commit de701ea and arXiv 2605.16572.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lesionloop.datasets.source_files import folders_in, images_named, read_table, require_inside
from lesionloop.errors import InputError

__all__ = ["COMBINED", "PHASES", "TrialsCase", "find_trials", "is_trials"]

#: Names of the phases in the files; the first is the frame of the combined label.
PHASES: Final = ("nocontrast", "arterial", "venous", "delayed")
COMBINED: Final = "combined"
_TABLE = "cases.csv"
_PAIRS = (("imagesTr", "labelsTr"), ("imagesTs", "labelsTs"))


@dataclass(frozen=True)
class TrialsCase:
    """The files of a case, as far as they are there.

    Args:
        name: of the case.
        images: phase to CT.
        labels: phase, or "combined", to label.
        centre: where it comes from; None when ``cases.csv`` does not say.
        split: such as "train"; by the folder when ``cases.csv`` does not say.
    """

    name: str
    images: Mapping[str, Path]
    labels: Mapping[str, Path]
    centre: str | None
    split: str


def is_trials(folder: Path) -> bool:
    """Whether a folder is in the TriALS layout: a case's folder with one of its phases in it."""
    return any(
        any(f"{case.name}_{phase}" in images_named(case) for phase in PHASES)
        for images, _ in _PAIRS
        for case in folders_in(folder / images)
    )


def find_trials(folder: Path) -> list[TrialsCase]:
    """Cases by name; a case may lack files.

    Raises:
        InputError: there is no case, a link leads out of the folder, or ``cases.csv`` cannot be
            read.
    """
    told = _told(folder)
    cases = sorted(_cases(folder, told), key=lambda case: case.name)
    if not cases:
        raise InputError(
            f"no case in {folder}",
            cause="There are no files imagesTr/<case>/<case>_venous.nii.gz or of another phase.",
            remedy="Give the folder that holds imagesTr and labelsTr of TriALS.",
        )
    return cases


def _cases(folder: Path, told: Mapping[str, Mapping[str, str]]) -> Iterator[TrialsCase]:
    for images, labels in _PAIRS:
        for place in folders_in(folder / images):
            name = place.name
            found = _files(place, name, PHASES, folder)
            if found:
                row = told.get(name, {})
                yield TrialsCase(
                    name=name,
                    images=found,
                    labels=_files(folder / labels / name, name, (*PHASES, COMBINED), folder),
                    centre=row.get("centre") or None,
                    split=row.get("split") or ("train" if images == "imagesTr" else "test"),
                )


def _files(place: Path, case: str, kinds: tuple[str, ...], top: Path) -> dict[str, Path]:
    there = images_named(place)
    return {
        kind: require_inside(there[f"{case}_{kind}"], top)
        for kind in kinds
        if f"{case}_{kind}" in there
    }


def _told(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / _TABLE
    if not path.is_file():
        return {}
    rows = read_table(require_inside(path, folder))
    if any("case" not in row for row in rows):
        raise InputError(
            f"{path} has no column case",
            remedy="Give it the columns case, centre and split.",
        )
    return {row["case"]: row for row in rows}
