"""When the tracer was injected, and the moment to which voxels are decay-corrected.

Source: QIBA vendor-neutral SUV pseudocode; DICOM PS3.3 C.8.9.1 (PET Series) and C.8.9.4 (PET
Image): with DecayCorrection START, values refer to the start of the scan, which is Series Date and
Time unless a later step wrote the series anew.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from pydicom import Dataset

from lesionloop.imaging.dicom.header import (
    date_of,
    moment_of,
    number,
    private_text,
    text,
    time_of,
)

__all__ = ["Timed", "frame_times", "injection_time", "mean_activity_time_s", "scan_start"]

#: Clocks of one scanner written by different programs differ by rounding.
_SAME_TIME = timedelta(seconds=1)
#: A clock time without date that lies after the scan is yesterday's only up to this delay.
_LONGEST_NIGHT = timedelta(hours=12)
#: A private time further than this from the acquisition was spoilt by shifted dates.
_PLAUSIBLE = timedelta(hours=24)
#: Back-computed starts of the beds of one scan agree to this, s.
_BEDS_AGREE_S = 10.0
_NO_DATE = date(1900, 1, 1)


@dataclass(frozen=True)
class Timed:
    """A moment, where it comes from, and what was guessed on the way."""

    when: datetime
    source: str
    guesses: tuple[str, ...] = ()


def mean_activity_time_s(duration_s: float, half_life_s: float) -> float:
    """Time from the start of a frame at which the activity equals the frame's mean, s.

    Before the middle, because activity falls: ``ln(x / (1 - exp(-x))) / rate`` with ``x = rate *
    duration``. Source: QIBA vendor-neutral SUV pseudocode; the mean of an exponential.
    """
    rate = math.log(2.0) / half_life_s
    decays = rate * duration_s
    if decays < 1e-9:
        return duration_s / 2.0
    return math.log(decays / -math.expm1(-decays)) / rate


def scan_start(headers: Sequence[Dataset], half_life_s: float) -> Timed | None:
    """The moment that DecayCorrection START refers to; None when no time is given.

    GE: its private scan date-time (0009,100d) where it is plausible. Otherwise the series time,
    unless it is later than the first acquisition: then the series was written anew, and the start
    is worked back from the frames (Siemens) or is the first acquisition.
    """
    first = headers[0]
    series = _stamp(first, "SeriesDate", "SeriesTime")
    acquired = _earliest_acquisition(headers)
    anchor = acquired or series
    if anchor is None:
        return None
    guesses: list[str] = []
    private = _ge_scan_time(first)
    if private is not None:
        late = acquired is not None and private > acquired + _SAME_TIME
        if not late and abs(private - anchor) <= _PLAUSIBLE:
            if series is not None and abs(private - series) > _SAME_TIME:
                guesses.append(
                    "GE's scan date-time (0009,100d) is taken as start of decay correction; the"
                    f" series time is {_minutes(series - private)} from it."
                )
            return Timed(private, "GE scan date-time (0009,100d)", tuple(guesses))
        guesses.append(
            "GE's scan date-time (0009,100d) does not fit the acquisition times and was not used."
        )
    if series is not None and (acquired is None or series <= acquired + _SAME_TIME):
        if acquired is not None and acquired - series > timedelta(minutes=30):
            guesses.append(
                "The series time, to which decay is taken to be corrected, is"
                f" {_minutes(acquired - series)} before the first acquisition."
            )
        return Timed(series, "SeriesTime (0008,0031)", tuple(guesses))
    why = (
        "There is no series time"
        if series is None
        else "The series time is later than the first acquisition (a series written anew)"
    )
    worked_back = _siemens_start(headers, half_life_s)
    if worked_back is not None:
        guesses.append(f"{why}: the start of decay correction was worked back from the frames.")
        return Timed(worked_back, "AcquisitionTime - FrameReferenceTime", tuple(guesses))
    guesses.append(f"{why}: the first acquisition is taken as start of decay correction.")
    return Timed(anchor, "first AcquisitionTime (0008,0032)", tuple(guesses))


def frame_times(
    headers: Sequence[Dataset], half_life_s: float
) -> tuple[tuple[datetime, ...], str, tuple[str, ...]] | None:
    """For each slice, the moment its uncorrected activity stands for (DecayCorrection NONE).

    Start of the slice's frame plus the time at which activity equals the frame's mean. Where all
    slices carry one acquisition time but differing frame reference times, that time is the start
    of the scan and the frame starts that much later.

    Returns:
        Moments in the order of ``headers``, their source, and guesses; None without times.
    """
    starts = [_acquired(h) or _stamp(h, "SeriesDate", "SeriesTime") for h in headers]
    if any(start is None for start in starts):
        return None
    source = "AcquisitionTime (0008,0032) and ActualFrameDuration (0018,1242)"
    guesses: list[str] = []
    offsets = [number(h, "FrameReferenceTime") or 0.0 for h in headers]
    one_time = len(set(starts)) == 1 and len(set(offsets)) > 1
    if one_time:
        source = "AcquisitionTime (0008,0032) and FrameReferenceTime (0054,1300)"
        guesses.append(
            "All slices carry one acquisition time: the frames are timed by FrameReferenceTime."
        )
    times = []
    unknown = 0
    for header, start, offset in zip(headers, starts, offsets, strict=True):
        assert start is not None  # noqa: S101  (checked above, for the type checker)
        duration = number(header, "ActualFrameDuration")
        unknown += duration is None
        shift = mean_activity_time_s((duration or 0.0) / 1000.0, half_life_s)
        times.append(start + timedelta(seconds=shift + (offset / 1000.0 if one_time else 0.0)))
    if unknown:
        guesses.append(
            "ActualFrameDuration (0018,1242) is missing: activity is taken at the frame's start."
        )
    return tuple(times), source, tuple(guesses)


def injection_time(
    header: Dataset, radiopharmaceutical: Dataset, reference: datetime
) -> Timed | None:
    """When the tracer was given; None when the header does not say.

    Radiopharmaceutical Start DateTime (0018,1078) where present. Else Start Time (0018,1072) on
    the day of ``reference``, or the day before when that would lie after it by the clock and the
    delay stays within half a day.
    """
    clock = time_of(text(radiopharmaceutical, "RadiopharmaceuticalStartTime"))
    full = moment_of(text(radiopharmaceutical, "RadiopharmaceuticalStartDateTime"))
    if full is not None and reference.date() != _NO_DATE:
        guesses = []
        offset = _utc_offset(header)
        if full.utc_offset is not None and offset is None:
            guesses.append(
                "The injection date-time has an offset from UTC and the series has none: it is"
                " taken as local clock time."
            )
        when = full.at_offset(offset)
        if clock is not None and abs(datetime.combine(when.date(), clock) - when) > _SAME_TIME:
            guesses.append(
                f"Injection date-time (0018,1078) and time (0018,1072) disagree ({when.time()} and"
                f" {clock}): the date-time is used."
            )
        return Timed(when, "RadiopharmaceuticalStartDateTime (0018,1078)", tuple(guesses))
    if clock is None and full is not None:
        clock = full.local.time()
    if clock is None:
        return None
    when = datetime.combine(reference.date(), clock)
    before = when - timedelta(days=1)
    if when > reference and reference - before <= _LONGEST_NIGHT:
        return Timed(
            before,
            "RadiopharmaceuticalStartTime (0018,1072), the day before",
            ("The injection has no date and its clock time is after the scan: it is taken as the"
             " evening before.",),
        )  # fmt: skip
    return Timed(
        when,
        "RadiopharmaceuticalStartTime (0018,1072)",
        ("The injection has no date: it is taken to be on the day of the scan.",),
    )


def _stamp(header: Dataset, day_keyword: str, time_keyword: str) -> datetime | None:
    clock = time_of(text(header, time_keyword))
    if clock is None:
        return None
    for keyword in (day_keyword, "SeriesDate", "AcquisitionDate", "StudyDate", "ContentDate"):
        day = date_of(text(header, keyword))
        if day is not None:
            return datetime.combine(day, clock)
    return datetime.combine(_NO_DATE, clock)


def _acquired(header: Dataset) -> datetime | None:
    stamp = _stamp(header, "AcquisitionDate", "AcquisitionTime")
    if stamp is not None:
        return stamp
    moment = moment_of(text(header, "AcquisitionDateTime"))
    return None if moment is None else moment.at_offset(_utc_offset(header))


def _earliest_acquisition(headers: Sequence[Dataset]) -> datetime | None:
    return min((when for h in headers if (when := _acquired(h)) is not None), default=None)


def _ge_scan_time(header: Dataset) -> datetime | None:
    if not (text(header, "Manufacturer") or "").upper().startswith("GE"):
        return None
    moment = moment_of(private_text(header, 0x0009, 0x0D, "GEMS_PETD_01"))
    return None if moment is None else moment.at_offset(_utc_offset(header))


def _siemens_start(headers: Sequence[Dataset], half_life_s: float) -> datetime | None:
    """Acquisition + mean-activity time - FrameReferenceTime, when all beds agree.

    Only Siemens (and CPS) reckon the frame reference time to the mean activity; GE to the start.
    """
    vendor = (text(headers[0], "Manufacturer") or "").upper()
    if "SIEMENS" not in vendor and "CPS" not in vendor:
        return None
    starts: list[datetime] = []
    for header in headers:
        acquired = _acquired(header)
        offset, duration = (
            number(header, "FrameReferenceTime"),
            number(header, "ActualFrameDuration"),
        )
        if acquired is None or not offset or not duration or min(offset, duration) <= 0:
            return None
        shift = mean_activity_time_s(duration / 1000.0, half_life_s) - offset / 1000.0
        starts.append(acquired + timedelta(seconds=shift))
    if (max(starts) - min(starts)).total_seconds() > _BEDS_AGREE_S:
        return None
    earliest = min(starts)
    middle = median((start - earliest).total_seconds() for start in starts)
    return earliest + timedelta(seconds=middle)


def _utc_offset(header: Dataset) -> timedelta | None:
    value = text(header, "TimezoneOffsetFromUTC")
    if value is None or len(value) != 5 or not value[1:].isdigit():
        return None
    size = timedelta(hours=int(value[1:3]), minutes=int(value[3:5]))
    return -size if value[0] == "-" else size


def _minutes(span: timedelta) -> str:
    return f"{abs(span.total_seconds()) / 60.0:.1f} minutes"
