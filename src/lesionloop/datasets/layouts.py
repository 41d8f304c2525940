"""Which layout a folder is in."""

from collections.abc import Callable
from pathlib import Path

from lesionloop.datasets.autopet import (
    find_autopet,
    find_fdg_lesions,
    is_autopet,
    is_fdg_lesions,
)
from lesionloop.datasets.case_source import CaseSource
from lesionloop.datasets.convert import is_dataset
from lesionloop.datasets.deep_psma import find_deep_psma, is_deep_psma
from lesionloop.datasets.longitudinal import is_longitudinal
from lesionloop.datasets.trials import is_trials
from lesionloop.errors import InputError

__all__ = ["LAYOUTS", "READERS", "check_layout", "recognise_layout"]

#: Layouts with cases to be found, by name.
READERS: dict[str, Callable[[Path], list[CaseSource]]] = {
    "autopet": find_autopet,
    "fdg-pet-ct-lesions": find_fdg_lesions,
    "deep-psma": find_deep_psma,
}

#: All layouts; "dicom" is what is none of the others.
LAYOUTS = ("dicom", "nnunet", *READERS, "longitudinal-ct", "trials")


def recognise_layout(folder: Path) -> str:
    """The layout of a folder, by its folders and file names; "dicom" when it is none of the rest.

    No image is read.
    """
    tests = (
        ("longitudinal-ct", is_longitudinal),
        ("trials", is_trials),
        ("autopet", is_autopet),
        ("nnunet", is_dataset),
        ("deep-psma", is_deep_psma),
        ("fdg-pet-ct-lesions", is_fdg_lesions),
    )
    return next((name for name, is_it in tests if is_it(folder)), "dicom")


def check_layout(name: str) -> str:
    """The name itself.

    Raises:
        InputError: there is no such layout.
    """
    if name not in LAYOUTS:
        raise InputError(
            f"unknown layout {name!r}", remedy=f"Use one of: {', '.join(LAYOUTS)}, or leave it out."
        )
    return name
