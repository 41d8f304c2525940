"""Real World Value Maps: what others worked out as SUV factor, compared with ours.

An object counts only when it references instances of the chosen PET series. The standard lets a
map apply to stored values; makers of SUV factors apply it to rescaled ones. Both are tried.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

from lesionloop.imaging.dicom.header import code_items, items, number, text
from lesionloop.imaging.dicom.series import Scan, Series
from lesionloop.imaging.dicom.suv import SuvFactor

__all__ = ["RealWorldCheck", "check_real_world_values"]

_SUV_BW = "{SUVbw}g/ml"
_STORAGE = "1.2.840.10008.5.1.4.1.1.67"
_TOLERANCE = 0.01


@dataclass(frozen=True)
class RealWorldCheck:
    """What the maps say.

    Args:
        factors: SUVbw slope of each map that belongs to the PET, by file name.
        agrees: whether all agree with the computed factor to 1 %; None when there is none.
        notes: agreement, disagreement and ignored objects.
    """

    factors: tuple[tuple[str, float], ...] = ()
    agrees: bool | None = None
    notes: tuple[str, ...] = ()


def check_real_world_values(scan: Scan, pet: Series, computed: SuvFactor) -> RealWorldCheck:
    """Compare the SUVbw maps in the folder, and in the PET's own headers, with our factor."""
    notes: list[str] = []
    factors: list[tuple[str, float]] = []
    for path in _objects(scan):
        try:
            maps = items(dcmread(path), "ReferencedImageRealWorldValueMappingSequence")
        except Exception as error:  # damaged bytes raise many kinds of error in pydicom
            notes.append(f"The Real World Value Map {path} cannot be read ({error}): ignored.")
            continue
        ours = [m for m in maps if _instances(m) & pet.instances]
        if not ours:
            notes.append(
                f"The Real World Value Map {path} belongs to another series and was ignored."
            )
            continue
        found = {slope for m in ours if (slope := _slope(m)) is not None}
        if not found:
            notes.append(f"The Real World Value Map {path} has no body-weight SUV: ignored.")
        factors.extend((str(path), slope) for slope in sorted(found))
    inside = {slope for h in pet.headers if (slope := _slope(h)) is not None}
    if len(inside) == 1:
        factors.append(("the PET's headers", inside.pop()))
    elif inside:
        notes.append("The Real World Values in the PET's headers differ by slice: not compared.")
    verdicts = [_agrees(slope, pet, computed) for _, slope in factors]
    for (where, slope), agrees in zip(factors, verdicts, strict=True):
        relation = "agrees" if agrees else "DISAGREES"
        notes.append(
            f"The SUVbw factor of the Real World Value Map in {where}, {slope:.6g}, {relation} with"
            f" the computed {computed.factor:.6g}{'' if agrees else '; the computed one is used'}."
        )
    return RealWorldCheck(tuple(factors), all(verdicts) if verdicts else None, tuple(notes))


def _objects(scan: Scan) -> list[Path]:
    return [path for series in scan if series.sop_class == _STORAGE for path in series.files]


def _instances(mapping: Dataset) -> set[str]:
    return {
        uid
        for reference in items(mapping, "ReferencedImageSequence")
        if (uid := text(reference, "ReferencedSOPInstanceUID"))
    }


def _slope(holder: Dataset) -> float | None:
    """Slope of the SUVbw map with intercept 0."""
    for mapping in items(holder, "RealWorldValueMappingSequence"):
        units = [code for code, _ in code_items(mapping, "MeasurementUnitsCodeSequence")]
        slope = number(mapping, "RealWorldValueSlope")
        intercept = number(mapping, "RealWorldValueIntercept") or 0.0
        if _SUV_BW.casefold() in {u.casefold() for u in units} and slope and intercept == 0:
            return slope
    return None


def _agrees(slope: float, pet: Series, computed: SuvFactor) -> bool:
    """Whether the slope is our factor for rescaled values, or for the stored ones."""
    factors = np.array(computed.slice_factors or [computed.factor] * len(pet))
    if math.isclose(slope, float(factors.mean()), rel_tol=_TOLERANCE):
        return True
    rescale = np.array([number(h, "RescaleSlope") or math.nan for h in pet.headers])
    return bool(np.allclose(slope, factors * rescale, rtol=_TOLERANCE, atol=0.0))
