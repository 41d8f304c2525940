"""The inputs of SUV from a header: weight, dose, half-life, decay correction, delay; each checked.

A value that cannot be right is refused with the attribute's name; what is merely unusual, or had
to be assumed, is added to the caller's list of guesses.
"""

import math
from collections.abc import Sequence
from datetime import timedelta

from pydicom import Dataset

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.header import name_tag, number, text, texts
from lesionloop.imaging.dicom.timing import Timed
from lesionloop.imaging.dicom.tracers import find_nuclide

__all__ = [
    "WAY_OUT",
    "SuvError",
    "check_delays",
    "read_decay_correction",
    "read_dose",
    "read_half_life",
    "read_weight",
    "series_name",
    "suv_failure",
]

WAY_OUT = "Correct the header, or give the PET in SUV as a file."
_WEIGHT_WAY_OUT = "Give it with --weight-kg."

_WEIGHT_KG = (1.0, 500.0)
#: Below, the dose was written in MBq; above, no patient was given so much. Bq.
_DOSE_BQ = (1e5, 1e11)
_HALF_LIFE_TOLERANCE = 0.05
#: Longest delay: a day, or for long-lived nuclides this many half-lives.
_LONGEST_DELAY_S = 86400.0
_LONGEST_DELAY_HALF_LIVES = 5.0
_SHORTEST_USUAL_DELAY_S = 600.0


class SuvError(InputError):
    """SUV cannot be computed from this header."""


def read_decay_correction(first: Dataset, guesses: list[str]) -> str:
    """START, ADMIN or NONE; refuses what is missing or contradicts Corrected Image."""
    flags = {flag.upper() for flag in texts(first, "CorrectedImage")}
    told = (text(first, "DecayCorrection") or "").upper()
    if told in {"START", "ADMIN"}:
        if flags and "DECY" not in flags:
            guesses.append(
                f"DecayCorrection is {told} though CorrectedImage (0028,0051) does not list DECY:"
                " DecayCorrection is believed."
            )
        return told
    if told == "NONE":
        if "DECY" in flags:
            raise suv_failure(
                first,
                f"{name_tag('DecayCorrection')} is NONE but {name_tag('CorrectedImage')} lists"
                " DECY: they contradict each other.",
                WAY_OUT,
            )
        return told
    if not told and "DECY" in flags:
        guesses.append(
            "DecayCorrection (0054,1102) is missing and CorrectedImage lists DECY: correction to"
            " the start of the scan (START) is assumed."
        )
        return "START"
    raise suv_failure(
        first,
        f"{name_tag('DecayCorrection')} is {told or 'missing'}; it must be START, ADMIN or NONE.",
        WAY_OUT,
    )


def read_weight(first: Dataset, given: float | None, guesses: list[str]) -> float:
    """Body weight in kg: the given one, else PatientWeight; 1 to 500 kg."""
    low, high = _WEIGHT_KG
    if given is not None:
        if not (math.isfinite(given) and low <= given <= high):
            raise SuvError(
                f"the given weight is {given:g} kg",
                cause=f"It must lie between {low:g} and {high:g} kg.",
                remedy="Give the patient's weight in kg with --weight-kg.",
            )
        guesses.append(f"The weight, {given:g} kg, was given by the user.")
        return given
    weight = number(first, "PatientWeight")
    name = name_tag("PatientWeight")
    if weight is None:
        raise suv_failure(first, f"{name} is empty.", _WEIGHT_WAY_OUT)
    if weight == 0:
        raise suv_failure(first, f"{name} is zero.", _WEIGHT_WAY_OUT)
    if not low <= weight <= high:
        hint = " It looks like grams." if weight > high else ""
        raise suv_failure(
            first,
            f"{name} is {weight:g} kg, which no patient weighs ({low:g} to {high:g} kg).{hint}",
            _WEIGHT_WAY_OUT,
        )
    return weight


def read_dose(first: Dataset, agent: Dataset) -> float:
    """Injected activity in Bq: RadionuclideTotalDose of the injection ``agent``."""
    dose = number(agent, "RadionuclideTotalDose")
    name = name_tag("RadionuclideTotalDose")
    low, high = _DOSE_BQ
    if dose is None:
        raise suv_failure(first, f"{name} is empty.", WAY_OUT)
    if dose <= 0:
        raise suv_failure(first, f"{name} is {dose:g} Bq; it must be above 0.", WAY_OUT)
    if dose < low:
        raise suv_failure(
            first, f"{name} is {dose:g}, which looks like MBq; the standard asks for Bq.", WAY_OUT
        )
    if dose > high:
        raise suv_failure(first, f"{name} is {dose:g} Bq, more than is ever given.", WAY_OUT)
    return dose


def read_half_life(first: Dataset, agent: Dataset, guesses: list[str]) -> tuple[float, str]:
    """Half-life in s, checked against the nuclide where we know it, and the nuclide's name."""
    nuclide, called = find_nuclide(agent)
    half_life = number(agent, "RadionuclideHalfLife")
    name = name_tag("RadionuclideHalfLife")
    if half_life is None or half_life <= 0:
        known = f" (the half-life of {called} is {nuclide.half_life_s:g} s)" if nuclide else ""
        raise suv_failure(
            first,
            f"{name} is {'missing' if half_life is None else f'{half_life:g} s'} for the nuclide"
            f" {called or '(not named either)'}.",
            f"Write it into the header{known}, or give the PET in SUV as a file.",
        )
    if nuclide is None:
        guesses.append(
            f"The nuclide {called or 'is not named; it'} is not in our table: its half-life,"
            f" {half_life:g} s, could not be checked."
        )
    elif abs(half_life / nuclide.half_life_s - 1.0) > _HALF_LIFE_TOLERANCE:
        ratio = nuclide.half_life_s / half_life
        unit = {60: " It looks like minutes.", 3600: " It looks like hours."}.get(
            next((u for u in (60, 3600) if abs(ratio / u - 1) < _HALF_LIFE_TOLERANCE), 0), ""
        )
        raise suv_failure(
            first,
            f"{name} is {half_life:g} s, but the nuclide is {nuclide.name} with"
            f" {nuclide.half_life_s:g} s.{unit}",
            WAY_OUT,
        )
    return half_life, called


def check_delays(
    first: Dataset,
    delays: Sequence[float],
    half_life: float,
    injection: Timed,
    guesses: list[str],
) -> None:
    """Refuse delays (s, injection to voxels) below 0 or absurdly long."""
    shortest, longest = min(delays), max(delays)
    limit = max(_LONGEST_DELAY_S, _LONGEST_DELAY_HALF_LIVES * half_life)
    if shortest < 0:
        raise suv_failure(
            first,
            f"The injection, by {injection.source}, is {timedelta(seconds=round(-shortest))} after"
            " the moment to which the voxels are decay-corrected.",
            WAY_OUT,
        )
    if longest > limit:
        raise suv_failure(
            first,
            f"The injection, by {injection.source}, is {longest / 3600:.1f} h before the scan"
            f" (limit {limit / 3600:.0f} h): a date is wrong, or was shifted apart.",
            WAY_OUT,
        )
    if shortest < _SHORTEST_USUAL_DELAY_S:
        guesses.append(f"Only {shortest / 60:.1f} minutes lie between injection and scan.")
    elif longest > 4 * half_life:
        guesses.append(f"{longest / half_life:.1f} half-lives lie between injection and scan.")


def series_name(header: Dataset) -> str:
    """Description and file of the series, for messages."""
    path = getattr(header, "filename", None)
    where = f" (file {path})" if path else ""
    return f'series "{text(header, "SeriesDescription") or ""}"{where}'


def suv_failure(header: Dataset, cause: str, remedy: str) -> SuvError:
    """The error to raise when SUV cannot be had from ``header``."""
    return SuvError(f"cannot compute SUV for {series_name(header)}", cause=cause, remedy=remedy)
