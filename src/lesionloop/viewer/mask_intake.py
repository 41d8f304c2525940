"""A mask made elsewhere, on the grid of a study: run in a process of its own, as files of unknown
origin are.

DICOM SEG: all segments count; one on another grid of the same frame of reference, such as that of
the CT, goes to the nearest voxels. NIfTI and MHA: what is above 0; their voxels must be those of
the PET, in any order of the axes. The format is told by what is in the file, not by its name.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from lesionloop.errors import InputError, LesionLoopError
from lesionloop.imaging import Grid, Volume, read_label
from lesionloop.imaging.grid import GRID_TOLERANCE_MM
from lesionloop.imaging.resample import resample_label
from lesionloop.output import write_bytes
from lesionloop.quantification import split_lesions
from lesionloop.viewer.packed_mask import PackedMask

__all__ = ["grid_facts", "read"]

#: Sizes of the NIfTI headers, which they begin with: NIfTI-1 and NIfTI-2.
_NIFTI_HEADERS: Final = (348, 540)


def grid_facts(grid: Grid) -> dict[str, Any]:
    """A grid as JSON has it, for `read`."""
    return asdict(grid)


def read(path: str, name: str, grid: dict[str, Any], to: str) -> dict[str, Any]:
    """Read a mask, bring it to a grid, and write its voxels as `PackedMask.data`.

    Args:
        path: the file, in a folder of its own; it is renamed there.
        name: what messages call it.
        grid: of the study, from `grid_facts`.
        to: file to write.

    Returns:
        "lesions": how many, and "notes": what the reader should know.

    Raises:
        InputError: it is no mask, damaged, or not of the study.
        OutputError: ``to`` cannot be written.
    """
    target = Grid(**grid)
    given = Path(path)
    named = given.rename(given.with_name(f"mask{_ending(given, name)}"))
    with _called(name, named), _warnings() as said:
        volume = read_label(named, target)
        mask = _on_grid(volume, target, named)
    notes = [text.replace(str(named), name) for text in said]
    write_bytes(Path(to), PackedMask.of(mask.mask()).data)
    return {"lesions": int(split_lesions(mask.mask()).max()), "notes": notes}


def _ending(path: Path, name: str) -> str:
    """The ending that stands for what is in a file."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head[128:132] == b"DICM":
        return ".dcm"
    if head[:2] == b"\x1f\x8b":
        return ".nii.gz"
    if any(head[:4] in (n.to_bytes(4, "little"), n.to_bytes(4, "big")) for n in _NIFTI_HEADERS):
        return ".nii"
    if b"ElementType" in head and b"DimSize" in head:
        return ".mha"
    raise InputError(
        f"{name} is no mask that can be read",
        cause="It is neither DICOM nor NIfTI nor MHA.",
        remedy="Give a DICOM SEG, or a mask on the PET grid as NIfTI or MHA.",
    )


def _on_grid(volume: Volume, grid: Grid, path: Path) -> Volume:
    """A label volume on the study's grid; refused where it cannot be said to be of the study."""
    moved = volume.source != str(path)  # of a SEG: the reader says that it was resampled
    if moved and grid.frame_uid is None:
        raise _not_of_the_study(
            path, read_label(path).grid, grid, "The study has no frame of reference to tell by."
        )
    if volume.grid.agrees_with(grid):
        return volume
    if not _same_voxels(volume.grid, grid):
        raise _not_of_the_study(path, volume.grid, grid, "Image files must be on the PET grid.")
    return resample_label(volume, grid)


def _same_voxels(one: Grid, two: Grid) -> bool:
    """Whether two grids have their voxels at the same places, whatever the order of the axes."""
    steps = np.linalg.inv(one.affine)[:3, :3] @ two.affine[:3, :3]
    whole = np.abs(np.rint(steps))
    if not ((whole.sum(axis=0) == 1).all() and (whole.sum(axis=1) == 1).all()):
        return False
    if tuple(whole @ two.shape) != one.shape:
        return False
    apart = np.linalg.norm(one.corners()[:, None] - two.corners(), axis=2)
    return bool(apart.min(axis=1).max() <= GRID_TOLERANCE_MM)


def _not_of_the_study(path: Path, one: Grid, two: Grid, why: str) -> InputError:
    return InputError(
        f"{path} is not on the grid of this study",
        cause=f"It has {_in_words(one)}; the study has {_in_words(two)}. {why}",
        remedy="Give the mask of this study, on its PET grid.",
    )


def _in_words(grid: Grid) -> str:
    shape = " x ".join(map(str, grid.shape))
    spacing = " x ".join(f"{v:.4g}" for v in grid.spacing)
    origin = ", ".join(f"{v:.1f}" for v in grid.origin)
    return f"{shape} voxels of {spacing} mm from ({origin}) mm"


@contextmanager
def _called(name: str, path: Path) -> Iterator[None]:
    """Errors name a file as its reader does."""
    try:
        yield
    except LesionLoopError as error:
        what, cause, remedy = (
            text and text.replace(str(path), name)
            for text in (error.what, error.cause, error.remedy)
        )
        raise type(error)(what or "", cause=cause, remedy=remedy) from error


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """The warnings that readers log meanwhile."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    listener, logger = Listener(logging.WARNING), logging.getLogger("lesionloop")
    logger.addHandler(listener)
    try:
        yield said
    finally:
        logger.removeHandler(listener)
