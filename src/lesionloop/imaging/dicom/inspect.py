"""What is in a DICOM folder and what would be read: the rows of ``lesionloop inspect``."""

from dataclasses import dataclass
from pathlib import Path

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.choice import Choice, choose_ct, choose_pet
from lesionloop.imaging.dicom.series import Scan, Series, scan_folder
from lesionloop.imaging.dicom.stack import stack_slices

__all__ = ["SeriesRow", "describe"]


@dataclass(frozen=True)
class SeriesRow:
    """One series.

    Args:
        uid: SeriesInstanceUID.
        number: Series Number.
        modality: PT, CT, SEG, RWV ...
        description: Series Description.
        slices: number of files.
        matrix: columns and rows; None for objects without pixels.
        spacing: mm along x, y, z; z is None when the slices do not make a stack.
        units: Units of a PET.
        corrected: Corrected Image flags of a PET.
        chosen: whether it would be read.
        why: the reason it is or is not, or what is wrong with it.
    """

    uid: str
    number: int | None
    modality: str
    description: str
    slices: int
    matrix: tuple[int, int] | None
    spacing: tuple[float, float, float | None] | None
    units: str | None
    corrected: tuple[str, ...]
    chosen: bool
    why: str


def describe(
    where: Path | str | Scan, *, pet_series: str | None = None, ct_series: str | None = None
) -> list[SeriesRow]:
    """Describe every series in a folder; what cannot be read is said in its row, not raised.

    Args:
        where: a folder of any layout, or what a scan found in it.
        pet_series: as in :func:`read_dicom_study`.
        ct_series: as in :func:`read_dicom_study`.

    Raises:
        InputError: the folder does not exist.
    """
    scan = where if isinstance(where, Scan) else scan_folder(where)
    reasons: dict[int, str] = {}
    chosen: set[int] = set()
    pet = _try_pet(scan, pet_series, reasons)
    if pet is not None:
        _record(pet, chosen, reasons)
        try:
            ct = choose_ct(scan, pet.series, ct_series)
        except InputError as error:
            _blame(scan, "CT", error, reasons)
        else:
            if ct is not None:
                _record(ct, chosen, reasons)
    return [_row(series, id(series) in chosen, reasons.get(id(series), "")) for series in scan]


def _try_pet(scan: Scan, wanted: str | None, reasons: dict[int, str]) -> Choice | None:
    try:
        return choose_pet(scan, wanted)
    except InputError as error:
        _blame(scan, "PT", error, reasons)
        return None


def _blame(scan: Scan, modality: str, error: InputError, reasons: dict[int, str]) -> None:
    for series in scan:
        if series.modality == modality and not series.localizer:
            reasons[id(series)] = f"not chosen: {error.what}"


def _record(choice: Choice, chosen: set[int], reasons: dict[int, str]) -> None:
    chosen.add(id(choice.series))
    reasons[id(choice.series)] = "the best of its kind" if choice.passed_over else "the only one"
    for series, why in choice.passed_over:
        reasons[id(series)] = f"not chosen: {why.removeprefix('which ')}"


def _row(series: Series, chosen: bool, why: str) -> SeriesRow:
    pixel = series.pixel_spacing
    spacing: tuple[float, float, float | None] | None = None if pixel is None else (*pixel, None)
    trouble = ""
    if series.modality in {"PT", "CT"} and not series.localizer:
        try:
            spacing = stack_slices(series).grid.spacing
        except InputError as error:
            trouble = f"{error.what}. {error.cause or ''}".strip()
    if series.localizer:
        why = "scout view"
    elif not why:
        image = series.modality in {"PT", "CT"}
        why = f"{series.kind}: {'not chosen' if image else 'neither PET nor CT'}"
    return SeriesRow(
        uid=series.uid,
        number=series.series_number,
        modality=series.modality,
        description=series.description,
        slices=len(series),
        matrix=series.matrix,
        spacing=spacing,
        units=series.units,
        corrected=series.corrected,
        chosen=chosen,
        why=f"{why}; {trouble}" if trouble else why,
    )
