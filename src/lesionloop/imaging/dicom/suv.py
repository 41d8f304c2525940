"""The factor that turns the values of a PET series into body-weight SUV, and all it rests on.

Source: QIBA vendor-neutral SUV pseudocode; DICOM PS3.3 C.8.9.1 (PET Series module).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydicom import Dataset

from lesionloop.imaging.dicom.header import items, name_tag, philips_factor, text
from lesionloop.imaging.dicom.suv_inputs import (
    WAY_OUT,
    SuvError,
    check_delays,
    read_decay_correction,
    read_dose,
    read_half_life,
    read_weight,
    series_name,
    suv_failure,
)
from lesionloop.imaging.dicom.timing import Timed, frame_times, injection_time, scan_start

__all__ = ["SuvError", "SuvFactor", "activity_factor", "bodyweight_factor", "suv_factor"]


@dataclass(frozen=True)
class SuvFactor:
    """The factor and every input it was made from.

    Args:
        factor: SUV (g/mL) = rescaled value x factor. The mean over the slices when they differ.
        units: Units (0054,1001) of the series.
        method: how the factor was found, in a few words.
        slice_factors: one per header when they differ (DecayCorrection NONE), else None.
        decay_correction: START, ADMIN, NONE; None when it played no part.
        weight_kg: body weight, kg.
        injected_bq: activity at injection, Bq.
        half_life_s: half-life of the nuclide, s.
        delay_s: injection to the moment the voxels stand for, s (mean over slices).
        nuclide: e.g. "F-18", or what the header calls it.
        injection_source: attribute the injection time was read from.
        reference_source: attribute the voxels' time was read from.
        guesses: each assumption, one sentence.
    """

    factor: float
    units: str
    method: str
    slice_factors: tuple[float, ...] | None = None
    decay_correction: str | None = None
    weight_kg: float | None = None
    injected_bq: float | None = None
    half_life_s: float | None = None
    delay_s: float | None = None
    nuclide: str | None = None
    injection_source: str | None = None
    reference_source: str | None = None
    guesses: tuple[str, ...] = ()

    def facts(self) -> Mapping[str, str | float | None]:
        """For the provenance: numbers and sources, no dates."""
        return {
            "suv_factor": self.factor,
            "suv_method": self.method,
            "pet_units": self.units,
            "decay_correction": self.decay_correction,
            "weight_kg": self.weight_kg,
            "injected_bq": self.injected_bq,
            "half_life_s": self.half_life_s,
            "delay_s": self.delay_s,
            "nuclide": self.nuclide,
            "injection_source": self.injection_source,
            "reference_source": self.reference_source,
        }


def bodyweight_factor(
    *, weight_kg: float, injected_bq: float, half_life_s: float, delay_s: float
) -> float:
    """Return the factor that turns Bq/mL into body-weight SUV (g/mL).

    The factor is in g/Bq: ``suv = activity_bq_ml * factor``, voxel by voxel, whatever the shape.

    Args:
        weight_kg: body mass at the time of the scan, kg, above 0.
        injected_bq: activity when it was injected, Bq, above 0.
        half_life_s: half-life of the nuclide, s, above 0 (F-18: about 6586).
        delay_s: injection to the moment the voxels are decay-corrected to, s, 0 or more.
            0 when the header says the correction already goes to injection (ADMIN).

    Raises:
        SuvError: a value is not finite or out of the range above.

    Source:
        QIBA vendor-neutral SUV pseudocode; DICOM PS3.3 C.8.9.1 (PET Series module).
    """
    for name, value in (
        ("weight_kg", weight_kg),
        ("injected_bq", injected_bq),
        ("half_life_s", half_life_s),
    ):
        if not (math.isfinite(value) and value > 0):
            raise SuvError(f"{name} must be a finite number above 0, not {value}")
    if not (math.isfinite(delay_s) and delay_s >= 0):
        raise SuvError(f"delay_s must be a finite number, 0 or more, not {delay_s}")
    left_bq = injected_bq * math.exp2(-delay_s / half_life_s)
    if left_bq == 0.0:
        raise SuvError(f"no activity is left after {delay_s / half_life_s:.0f} half-lives")
    return weight_kg * 1000.0 / left_bq


def suv_factor(
    headers: Dataset | Sequence[Dataset], *, weight_kg: float | None = None
) -> SuvFactor:
    """Find the SUV factor of a PET series from its headers.

    BQML: by weight, dose, half-life and delay; DecayCorrection START counts the delay to the
    start of the scan, ADMIN has none, NONE goes to each slice's own frame. GML: 1 when it is
    body-weight SUV. CNTS and PROPCNTS: Philips' private factors (7053,1000) to SUV or (7053,1009)
    to Bq/mL.

    Args:
        headers: all slices of the series (one is enough when only one is at hand, but then a
            rewritten series time may go unnoticed).
        weight_kg: overrides the header's weight.

    Raises:
        SuvError: an input is missing or impossible, or the units cannot be converted.
    """
    every = (headers,) if isinstance(headers, Dataset) else tuple(headers)
    first = every[0]
    units = (text(first, "Units") or "").upper()
    if units == "BQML":
        return _from_activity(every, weight_kg, units, 1.0, "weight over decayed dose")
    if units == "GML":
        return _from_gml(first, weight_kg)
    if units in {"CNTS", "PROPCNTS"}:
        return _from_counts(every, weight_kg, units)
    raise suv_failure(
        first,
        f"{name_tag('Units')} {f'are {units}' if units else 'is missing'}; SUV can be had from"
        " BQML, GML, and from CNTS with Philips' private factors.",
        "Choose another series with --pet-series.",
    )


def activity_factor(header: Dataset) -> float:
    """Factor from rescaled values to Bq/mL: 1 for BQML, (7053,1009) for Philips counts.

    Raises:
        SuvError: the series holds neither.
    """
    units = (text(header, "Units") or "").upper()
    if units == "BQML":
        return 1.0
    factor = philips_factor(header, 0x09)
    if units in {"CNTS", "PROPCNTS"} and factor is not None:
        return factor
    raise SuvError(
        f"cannot give activity for {series_name(header)}",
        cause=f"{name_tag('Units')} {f'are {units}' if units else 'is missing'}, not BQML.",
        remedy="Choose another series with --pet-series, or ask for SUV.",
    )


def _from_gml(first: Dataset, weight_kg: float | None) -> SuvFactor:
    kind = (text(first, "SUVType") or "").upper()
    guesses = []
    if kind not in {"", "BW"}:
        raise suv_failure(
            first,
            f"Units are GML with {name_tag('SUVType')} {kind}: normalised by"
            f" {_SUV_KINDS.get(kind, 'something other than body weight')}. The inputs that its"
            " maker used are not in the header, so body-weight SUV cannot be had for certain.",
            "Export the series in Bq/mL (BQML) or as body-weight SUV.",
        )
    if not kind:
        guesses.append(
            "Units are GML without SUVType (0054,1006): body-weight SUV, as the standard says."
        )
    if weight_kg is not None:
        guesses.append("The series already is SUV: the given weight was not used.")
    return SuvFactor(1.0, "GML", "already body-weight SUV", guesses=tuple(guesses))


_SUV_KINDS = {
    "BSA": "body surface area",
    "LBM": "lean body mass",
    "LBMJAMES128": "lean body mass (James)",
    "LBMJANMA": "lean body mass (Janmahasatian)",
    "IBW": "ideal body weight",
}


def _from_counts(headers: Sequence[Dataset], weight_kg: float | None, units: str) -> SuvFactor:
    first = headers[0]
    to_suv, to_activity = philips_factor(first, 0x00), philips_factor(first, 0x09)
    if to_suv is not None and (weight_kg is None or to_activity is None):
        guesses = [f"Units are {units}: Philips' SUV factor (7053,1000) is used."]
        if weight_kg is not None:
            guesses.append("Philips' SUV factor holds the weight: the given one was not used.")
        told = [philips_factor(h, 0x00) for h in headers]
        if None in told:
            guesses.append(
                f"{told.count(None)} slices lack the factor: that of the first slice is used."
            )
        factors = tuple(factor or to_suv for factor in told)
        same = max(factors) - min(factors) <= 1e-9 * to_suv
        return SuvFactor(
            sum(factors) / len(factors) if not same else to_suv,
            units,
            "Philips SUV factor (7053,1000)",
            slice_factors=None if same else factors,
            guesses=tuple(guesses),
        )
    if to_activity is not None:
        if any(philips_factor(header, 0x09) != to_activity for header in headers):
            raise suv_failure(
                first,
                "Philips' Bq/mL factor (7053,1009) differs between slices, or some lack it.",
                "Choose a series in Bq/mL with --pet-series, or export this one again.",
            )
        found = _from_activity(
            headers, weight_kg, units, to_activity, "Philips Bq/mL factor (7053,1009), then weight"
        )
        note = f"Units are {units}: Philips' Bq/mL factor (7053,1009), {to_activity:g}, is used."
        return replace(found, guesses=(note, *found.guesses))
    raise suv_failure(
        first,
        f"{name_tag('Units')} are {units} and Philips' private factors (7053,1000) and (7053,1009)"
        " are missing.",
        "Choose a series in Bq/mL with --pet-series, or export with private attributes.",
    )


def _from_activity(
    headers: Sequence[Dataset], weight_kg: float | None, units: str, to_activity: float, method: str
) -> SuvFactor:
    first = headers[0]
    guesses: list[str] = []
    correction = read_decay_correction(first, guesses)
    weight = read_weight(first, weight_kg, guesses)
    agents = items(first, "RadiopharmaceuticalInformationSequence")
    if len(agents) != 1:
        raise suv_failure(
            first,
            f"RadiopharmaceuticalInformationSequence (0054,0016) holds {len(agents)} injections"
            " and SUV needs exactly one.",
            WAY_OUT,
        )
    agent = agents[0]
    dose = read_dose(first, agent)
    half_life, nuclide = read_half_life(first, agent, guesses)
    delays: tuple[float, ...] = (0.0,)
    injection: Timed | None = None
    source: str | None = "injection (ADMIN)"
    if correction != "ADMIN":
        moments, source, told = _moments(headers, correction, half_life)
        guesses.extend(told)
        injection = injection_time(first, agent, min(moments))
        if injection is None:
            raise suv_failure(
                first,
                f"Neither {name_tag('RadiopharmaceuticalStartDateTime')} nor"
                f" {name_tag('RadiopharmaceuticalStartTime')} tells when the tracer was injected.",
                WAY_OUT,
            )
        guesses.extend(injection.guesses)
        delays = tuple((moment - injection.when).total_seconds() for moment in moments)
        check_delays(first, delays, half_life, injection, guesses)
    factors = tuple(
        to_activity
        * bodyweight_factor(
            weight_kg=weight, injected_bq=dose, half_life_s=half_life, delay_s=delay
        )
        for delay in delays
    )
    per_slice = len(factors) > 1 and max(factors) > min(factors)
    return SuvFactor(
        factor=sum(factors) / len(factors) if per_slice else factors[0],
        units=units,
        method=method,
        slice_factors=factors if per_slice else None,
        decay_correction=correction,
        weight_kg=weight,
        injected_bq=dose,
        half_life_s=half_life,
        delay_s=sum(delays) / len(delays),
        nuclide=nuclide or None,
        injection_source=injection.source if injection else None,
        reference_source=source,
        guesses=tuple(guesses),
    )


def _moments(
    headers: Sequence[Dataset], correction: str, half_life: float
) -> tuple[tuple[datetime, ...], str, tuple[str, ...]]:
    """Moments the voxels stand for (one, or one per slice), their source, and guesses."""
    if correction == "START":
        start = scan_start(headers, half_life)
        if start is not None:
            return (start.when,), start.source, start.guesses
    else:
        found = frame_times(headers, half_life)
        if found is not None:
            told = (
                "The values are not decay-corrected (DecayCorrection NONE): each slice has the"
                " factor of its own frame."
            )
            return found[0], found[1], (told, *found[2])
    raise suv_failure(
        headers[0],
        f"Neither {name_tag('SeriesTime')} nor {name_tag('AcquisitionTime')} tells when the scan"
        " was made.",
        WAY_OUT,
    )
