"""Times: closed forms and vendors' habits."""

import math
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest
from pydicom import Dataset

from lesionloop.imaging.dicom.timing import (
    frame_times,
    injection_time,
    mean_activity_time_s,
    scan_start,
)

Header = Callable[..., Dataset]
HALF_LIFE_S = 6586.2


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2024, 1, day, hour, minute, second)  # noqa: DTZ001  (scanner's clock)


def test_mean_activity_time_by_quadrature() -> None:
    for duration, half_life in [(120.0, 6586.2), (600.0, 122.3), (3600.0, 4062.6)]:
        rate = math.log(2) / half_life
        t = (np.arange(200_000) + 0.5) * duration / 200_000
        mean = np.exp(-rate * t).mean()
        expected = -math.log(mean) / rate
        assert mean_activity_time_s(duration, half_life) == pytest.approx(expected, rel=1e-6)
    assert mean_activity_time_s(0.0, 100.0) == 0.0


def test_start_is_the_series_time(pet_header: Header) -> None:
    start = scan_start([pet_header(SeriesTime="095900", AcquisitionTime="100500")], HALF_LIFE_S)
    assert start is not None
    assert (start.when, start.source) == (at(10, 9, 59), "SeriesTime (0008,0031)")
    assert start.guesses == ()


def test_early_series_time_is_noted(pet_header: Header) -> None:
    start = scan_start([pet_header(SeriesTime="090000", AcquisitionTime="100500")], HALF_LIFE_S)
    assert start is not None
    assert "65.0 minutes before" in start.guesses[0]


def test_rewritten_series_time_gives_way_to_the_first_acquisition(pet_header: Header) -> None:
    late = {"SeriesTime": "140000", "Manufacturer": "ACME"}
    beds = ["100800", "100500", "101100"]
    headers = [pet_header(AcquisitionTime=bed, **late) for bed in beds]
    start = scan_start(headers, HALF_LIFE_S)
    assert start is not None
    assert start.when == at(10, 10, 5)
    assert "written anew" in start.guesses[0]


def test_siemens_start_is_worked_back_from_the_frames(pet_header: Header) -> None:
    shift = mean_activity_time_s(120.0, HALF_LIFE_S)
    headers = [
        pet_header(
            SeriesTime="140000",
            AcquisitionTime=f"10{5 + 3 * bed:02d}00",
            FrameReferenceTime=str((300.0 + 180.0 * bed + shift) * 1000.0)[:14],
        )
        for bed in range(3)
    ]
    start = scan_start(headers, HALF_LIFE_S)
    assert start is not None
    assert abs((start.when - at(10, 10, 0)).total_seconds()) < 0.01
    headers[2].FrameReferenceTime = "0"
    fallback = scan_start(headers, HALF_LIFE_S)
    assert fallback is not None
    assert fallback.when == at(10, 10, 5)


def with_ge_time(header: Dataset, value: str) -> Dataset:
    header.Manufacturer = "GE MEDICAL SYSTEMS"
    header.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", value)
    return header


def test_ge_private_scan_time(pet_header: Header) -> None:
    header = with_ge_time(pet_header(SeriesTime="140000"), "20240110095500.00")
    start = scan_start([header], HALF_LIFE_S)
    assert start is not None
    assert start.when == at(10, 9, 55)
    assert "GE" in start.source
    assert "245.0 minutes" in start.guesses[0]


@pytest.mark.parametrize("value", ["20190110095500.00", "20240110103000.00"])
def test_ge_private_time_that_does_not_fit_is_not_used(pet_header: Header, value: str) -> None:
    start = scan_start([with_ge_time(pet_header(), value)], HALF_LIFE_S)
    assert start is not None
    assert start.when == at(10, 10)
    assert "was not used" in start.guesses[0]


def test_no_time_at_all(pet_header: Header) -> None:
    header = pet_header(SeriesTime=None, AcquisitionTime=None)
    assert scan_start([header], HALF_LIFE_S) is None
    assert frame_times([header], HALF_LIFE_S) is None


def test_frames_without_decay_correction_have_their_own_times(pet_header: Header) -> None:
    headers = [pet_header(AcquisitionTime=t) for t in ("100000", "100300")]
    found = frame_times(headers, HALF_LIFE_S)
    assert found is not None
    shift = mean_activity_time_s(120.0, HALF_LIFE_S)
    seconds = [(t - at(10, 10)).total_seconds() for t in found[0]]
    assert seconds == pytest.approx([shift, 180.0 + shift], abs=1e-5)


def test_frames_with_one_acquisition_time_use_the_reference_time(pet_header: Header) -> None:
    headers = [pet_header(FrameReferenceTime=t) for t in ("0", "303000", "606000")]
    found = frame_times(headers, HALF_LIFE_S)
    assert found is not None
    shift = mean_activity_time_s(120.0, HALF_LIFE_S)
    seconds = [(t - at(10, 10)).total_seconds() for t in found[0]]
    assert seconds == pytest.approx([shift, 303 + shift, 606 + shift], abs=1e-5)
    assert "one acquisition time" in found[2][0]


def injected(header: Dataset, reference: datetime) -> tuple[datetime, tuple[str, ...]]:
    found = injection_time(header, header.RadiopharmaceuticalInformationSequence[0], reference)
    assert found is not None
    return found.when, found.guesses


def test_injection_by_clock_time(pet_header: Header) -> None:
    when, guesses = injected(pet_header(), at(10, 10))
    assert when == at(10, 9)
    assert "no date" in guesses[0]


def test_injection_before_midnight(pet_header: Header) -> None:
    header = pet_header({"RadiopharmaceuticalStartTime": "233000"})
    when, guesses = injected(header, at(10, 0, 30))
    assert when == at(9, 23, 30)
    assert "evening before" in guesses[0]


def test_clock_time_after_the_scan_is_not_yesterday(pet_header: Header) -> None:
    header = pet_header({"RadiopharmaceuticalStartTime": "110000"})
    assert injected(header, at(10, 10))[0] == at(10, 11)


def test_date_time_is_preferred_and_disagreement_noted(pet_header: Header) -> None:
    agent = {"RadiopharmaceuticalStartDateTime": "20240110091500.00"}
    when, guesses = injected(pet_header(agent), at(10, 10))
    assert when == at(10, 9, 15)
    assert "disagree" in guesses[0]
    agent["RadiopharmaceuticalStartDateTime"] = "20240110090000"
    assert injected(pet_header(agent), at(10, 10)) == (at(10, 9), ())


def test_offset_from_utc(pet_header: Header) -> None:
    agent = {
        "RadiopharmaceuticalStartDateTime": "20240110080000.00+0000",
        "RadiopharmaceuticalStartTime": None,
    }
    header = pet_header(agent, TimezoneOffsetFromUTC="+0100")
    assert injected(header, at(10, 10)) == (at(10, 9), ())
    when, guesses = injected(pet_header(agent), at(10, 10))
    assert when == at(10, 8)
    assert "offset" in guesses[0]


def test_no_injection_time(pet_header: Header) -> None:
    header = pet_header({"RadiopharmaceuticalStartTime": ""})
    agent = header.RadiopharmaceuticalInformationSequence[0]
    assert injection_time(header, agent, at(10, 10)) is None
