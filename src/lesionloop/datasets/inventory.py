"""What an nnU-Net folder holds: the files of every case, also of cases that are not complete."""

from dataclasses import dataclass
from pathlib import Path

from lesionloop.datasets.nnunet import FOLDERS
from lesionloop.errors import InputError
from lesionloop.imaging.names import (
    case_name,
    channel_of,
    entries_of,
    image_ending,
    strip_ending,
)

__all__ = ["Parts", "list_parts"]

_CHANNELS = {"0000": "ct", "0001": "pet"}


@dataclass(frozen=True)
class Parts:
    """The files of a case, as many as there are of each kind.

    Args:
        name: case name.
        folder: folder of its images, such as ``imagesTr``.
        ct: channel 0000.
        pet: channel 0001.
        label: of the folder of labels that belongs to ``folder``.
        others: other channels.
    """

    name: str
    folder: str
    ct: tuple[Path, ...] = ()
    pet: tuple[Path, ...] = ()
    label: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()


def list_parts(dataset: Path, *, every_folder: bool = False) -> list[Parts]:
    """Cases of a data set by name, with images or label.

    Args:
        dataset: folder that holds ``imagesTr`` (or ``imagesTs``, ``images``).
        every_folder: all of these folders; otherwise the first that is there.

    Raises:
        InputError: there is none of these folders, or one cannot be read.
    """
    pairs = [pair for pair in FOLDERS if (dataset / pair[0]).is_dir()]
    if not pairs:
        there = dataset.is_dir()
        raise InputError(
            f"{dataset} is not a data set",
            cause="It has no folder imagesTr." if there else "There is no such folder.",
            remedy="Give a folder in the nnU-Net layout, or make one with `lesionloop convert`.",
        )
    found = []
    for images, labels in pairs if every_folder else pairs[:1]:
        found += _pair(dataset, images, labels)
    return found


def _pair(dataset: Path, images: str, labels: str) -> list[Parts]:
    cases: dict[str, dict[str, list[Path]]] = {}
    for path in _images(dataset / images):
        channel = channel_of(path)
        role = _CHANNELS.get(channel or "", "others")
        cases.setdefault(case_name(path), {}).setdefault(role, []).append(path)
    for path in _images(dataset / labels):
        cases.setdefault(strip_ending(path), {}).setdefault("label", []).append(path)
    return [
        Parts(name, images, **{role: tuple(paths) for role, paths in cases[name].items()})
        for name in sorted(cases)
    ]


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return list(filter(image_ending, entries_of(folder)))
