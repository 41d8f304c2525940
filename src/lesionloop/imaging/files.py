"""Image files to volumes and back, the format chosen by the ending."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.metaimage import read_metaimage, read_metaimage_shape, write_metaimage
from lesionloop.imaging.names import IMAGE_ENDINGS, case_name, channel_of, image_ending
from lesionloop.imaging.nifti import read_nifti, read_nifti_shape, write_nifti
from lesionloop.imaging.study import Provenance, Study, assemble_study
from lesionloop.imaging.volume import Quantity, Volume, require_same_grid
from lesionloop.output import atomic_path
from lesionloop.progress import stage, tell

__all__ = [
    "read_label",
    "read_label_pair",
    "read_shape",
    "read_study",
    "read_volume",
    "write_mask",
    "write_volume",
]


def read_volume(path: Path | str, quantity: Quantity) -> Volume:
    """Read a NIfTI or MHA file.

    Returns:
        The volume; values [x, y, z], x fastest, in the file's own number type unless it scales.

    Raises:
        InputError: missing, unreadable, damaged, not three-dimensional, or impossible geometry.
    """
    path = Path(path)
    try:
        with _readable(path) as ending:
            values, grid = read_metaimage(path) if ending == ".mha" else read_nifti(path)
    except MemoryError as error:
        raise InputError(
            f"cannot read {path}",
            cause="It needs more memory than there is.",
            remedy="Resample or crop it, or use a machine with more memory.",
        ) from error
    return Volume(values, grid, quantity, str(path))


def read_shape(path: Path | str) -> tuple[int, int, int]:
    """Voxels along x, y, z of a NIfTI or MHA file, from its header alone.

    Raises:
        InputError: missing, unreadable, or not three-dimensional.
    """
    path = Path(path)
    with _readable(path) as ending:
        return read_metaimage_shape(path) if ending == ".mha" else read_nifti_shape(path)


@contextmanager
def _readable(path: Path) -> Iterator[str]:
    """The ending of an image file that is there; what the file system objects becomes our error."""
    ending = image_ending(path)
    try:
        if not path.is_file():
            problem = "It is a folder." if path.is_dir() else "There is no such file."
            raise InputError(f"cannot read {path}", cause=problem, remedy="Check the path.")
        if ending is None:
            raise InputError(
                f"cannot read {path}",
                cause="Its ending is not known.",
                remedy=f"Known are {', '.join(IMAGE_ENDINGS)}; DICOM is read by its folder.",
            )
        yield ending
    except OSError as error:
        raise InputError(
            f"cannot read {path}",
            cause=f"{error.strerror or error}.",
            remedy="Check the file and its permissions.",
        ) from error


def read_label(path: Path | str, grid: Grid | None = None) -> Volume:
    """Read a label map or mask; whole numbers from 0, as integers.

    Args:
        path: NIfTI, MHA, or a DICOM SEG (ending .dcm), of which all segments count as 1.
        grid: where a DICOM SEG is wanted; None for its own frames. Image files stay as they are.

    Raises:
        InputError: as :func:`read_volume`, or values that are not labels.
    """
    if is_dicom_seg(path):
        # Imported here: the DICOM libraries are heavy, and few labels need them.
        from lesionloop.imaging.dicom.segmentation import read_dicom_seg  # noqa: PLC0415

        return read_dicom_seg(path, grid)
    volume = read_volume(path, Quantity.LABEL)
    values = volume.values
    if values.dtype.kind == "f":
        whole = np.rint(values)
        if not np.array_equal(whole, values):  # NaN is not equal to itself
            raise _no_label(path, "It holds values that are not whole numbers.")
        if np.abs(whole).max() > np.iinfo(np.int32).max:
            raise _no_label(path, "It holds values beyond any label.")
        values = whole.astype(np.int32)
    if values.min() < 0:
        raise _no_label(path, "It holds values below 0.")
    return Volume(values, volume.grid, Quantity.LABEL, volume.source)


def read_label_pair(first: Path | str, second: Path | str) -> tuple[Volume, Volume]:
    """Read two label maps that must be on one grid; a DICOM SEG is placed on the other's.

    Raises:
        InputError: as :func:`read_label`, or the grids differ.
    """
    if is_dicom_seg(first) and not is_dicom_seg(second):
        pair = read_label_pair(second, first)
        return pair[1], pair[0]
    one = read_label(first)
    two = read_label(second, one.grid)
    require_same_grid(one, two)
    return one, two


def read_study(
    ct: Path | str | None,
    pet: Path | str,
    *,
    tracer: str | None = None,
    name: str | None = None,
) -> Study:
    """Read a study from files: PET in SUV, CT in HU (or None when there is no CT).

    Args:
        ct: NIfTI or MHA; resampled to the PET grid when it is on another.
        pet: NIfTI or MHA, already in body-weight SUV.
        tracer: "fdg", "psma", or None when not known.
        name: case name; by default the PET file's name without channel suffix and ending.

    Raises:
        InputError: a file is missing or damaged, the PET is empty, or the two do not overlap.
    """
    pet_path = Path(pet)
    files = {"pet": str(pet_path)}
    pet_volume = _as_float32(read_volume(pet_path, Quantity.SUV_BW))
    tell(0.3)
    ct_volume = None
    if ct is not None:
        files["ct"] = str(ct)
        _check_channels(Path(ct), pet_path)
        ct_volume = read_volume(ct, Quantity.HU)
    with stage(0.6, 1.0):
        return assemble_study(
            pet_volume,
            ct_volume,
            name=name or case_name(pet_path),
            tracer=tracer,
            provenance=Provenance(files=files),
            load_native_ct=None if ct is None else partial(read_volume, ct, Quantity.HU),
        )


def write_volume(volume: Volume, path: Path | str) -> None:
    """Write a volume as NIfTI or MHA (by the ending), whole or not at all.

    Raises:
        OutputError: the place cannot be written or the disk is full.
        InputError: the ending is not known.
    """
    _write(volume.values, volume.grid, Path(path))


def write_mask(mask: ArrayLike, where: Study | Grid, path: Path | str) -> None:
    """Write a mask [x, y, z] as compressed uint8 (0 and 1) with the exact geometry of ``where``.

    ``path`` ends with .nii.gz, .nii or .mha. For DICOM SEG see
    :func:`lesionloop.imaging.dicom.write_dicom_seg`.

    Raises:
        OutputError: the place cannot be written or the disk is full.
        InputError: the ending is not known, or the shapes differ.
    """
    grid = where if isinstance(where, Grid) else where.grid
    array = np.asarray(mask)
    values = array.view(np.uint8) if array.dtype == bool else (array > 0).view(np.uint8)
    if values.shape != grid.shape:
        raise InputError(f"a mask of shape {values.shape} does not fit a grid of {grid.shape}")
    _write(values, grid, Path(path))


def is_dicom_seg(path: Path | str) -> bool:
    """Whether a file name stands for a DICOM SEG, by its ending."""
    return Path(path).name.lower().endswith(".dcm")


def check_image_target(path: Path | str) -> None:
    """Refuse an output name whose ending is not an image format, before any work is done.

    Raises:
        InputError: the ending is not known.
    """
    if image_ending(path) is None:
        raise InputError(
            f"cannot write {path}",
            cause="Its ending is not known.",
            remedy=f"Use one of {', '.join(IMAGE_ENDINGS)}.",
        )


def _no_label(path: Path | str, cause: str) -> InputError:
    return InputError(
        f"{path} is not a label map",
        cause=cause,
        remedy="Give a mask of 0 and 1, or a map of whole numbers from 0.",
    )


def _write(values: NDArray[np.generic], grid: Grid, path: Path) -> None:
    check_image_target(path)
    writer = write_metaimage if image_ending(path) == ".mha" else write_nifti
    with atomic_path(path) as temporary:
        writer(values, grid, temporary)


def _as_float32(volume: Volume) -> Volume:
    if volume.values.dtype == np.float32:
        return volume
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, refused later
        values = volume.values.astype(np.float32)
    return Volume(values, volume.grid, volume.quantity, volume.source)


def _check_channels(ct: Path, pet: Path) -> None:
    """Refuse files that the nnU-Net naming says are of two cases, or the wrong way round."""
    channels = (channel_of(ct), channel_of(pet))
    if ct.exists() and ct.samefile(pet):
        raise InputError(
            f"{ct} is given as CT and as PET",
            remedy="Give the two files of one case, or leave the CT out.",
        )
    if channels[0] == "0001" != channels[1]:
        raise InputError(
            f"CT {ct} and PET {pet} look exchanged",
            cause="In the nnU-Net layout _0000 is CT and _0001 is PET.",
            remedy="Exchange the two arguments, or rename the files.",
        )
    if channels == ("0000", "0001") and case_name(ct) != case_name(pet):
        raise InputError(
            f"CT {ct} and PET {pet} are of different cases",
            cause=f"Their names say {case_name(ct)} and {case_name(pet)}.",
            remedy="Give the two files of one case, or rename them if they do belong together.",
        )
