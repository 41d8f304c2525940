"""Attributes as scanners write them."""

from datetime import date, datetime, time, timedelta

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from lesionloop.imaging.dicom.header import (
    code_items,
    date_of,
    moment_of,
    name_tag,
    number,
    numbers,
    private_text,
    text,
    time_of,
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("07", time(7)),
        ("0721", time(7, 21)),
        ("072130", time(7, 21, 30)),
        ("072130.5", time(7, 21, 30, 500000)),
        ("07:21:30.25", time(7, 21, 30, 250000)),
        ("235960", time(23, 59, 59)),
        ("250000", None),
        ("", None),
        (None, None),
        ("soon", None),
    ],
)
def test_time(written: str | None, expected: time | None) -> None:
    assert time_of(written) == expected


def test_date() -> None:
    assert date_of("20240229") == date(2024, 2, 29)
    assert date_of("2024.02.29") == date(2024, 2, 29)
    assert date_of("20230229") is None
    assert date_of(None) is None


def test_date_time_with_offset() -> None:
    moment = moment_of("20240110233000.00-0500")
    assert moment is not None
    assert moment.utc_offset == timedelta(hours=-5)
    assert moment.at_offset(timedelta(hours=1)) == datetime(2024, 1, 11, 5, 30)  # noqa: DTZ001
    assert moment.at_offset(None) == datetime(2024, 1, 10, 23, 30)  # noqa: DTZ001
    assert moment_of("20240110") is None


def test_numbers_and_text() -> None:
    header = Dataset()
    header.PixelSpacing = [1.5, 2.5]
    header.PatientWeight = ""
    assert numbers(header, "PixelSpacing", 2) == (1.5, 2.5)
    assert numbers(header, "PixelSpacing", 3) is None
    assert number(header, "PixelSpacing") is None
    assert number(header, "PatientWeight") is None
    assert number(header, "RescaleSlope") is None
    assert text(header, "SeriesDescription") is None
    assert code_items(header, "RadionuclideCodeSequence") == ()
    header.RadionuclideCodeSequence = Sequence([Dataset()])
    assert code_items(header, "RadionuclideCodeSequence") == (("", ""),)
    assert name_tag("PatientWeight") == "PatientWeight (0010,1030)"


@pytest.mark.parametrize("block", [0x10, 0x12])
def test_private_value_is_found_through_its_creator(block: int) -> None:
    header = Dataset()
    header.add_new((0x7053, block), "LO", "Philips PET Private Group")
    header.add_new((0x7053, (block << 8) | 0x09), "UN", b"1.25 ")
    assert private_text(header, 0x7053, 0x09, "Philips PET Private Group") == "1.25"
    assert private_text(header, 0x7053, 0x00, "Philips PET Private Group") is None


def test_private_value_without_creator_or_of_another() -> None:
    header = Dataset()
    header.add_new((0x7053, 0x1000), "UN", b"2.5 ")
    assert private_text(header, 0x7053, 0x00, "Philips PET Private Group") == "2.5"
    header.add_new((0x7053, 0x0010), "LO", "SOMEBODY ELSE")
    assert private_text(header, 0x7053, 0x00, "Philips PET Private Group") is None
