"""The SUV factor: closed forms, laws, vendors, and every refusal."""

import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.suv import (
    SuvError,
    activity_factor,
    bodyweight_factor,
    suv_factor,
)

Header = Callable[..., Dataset]
HALF_LIFE_S = 6586.2
PHILIPS = "Philips PET Private Group"


def by_hand(weight_kg: float = 70, dose: float = 370e6, delay_s: float = 3600.0) -> float:
    return weight_kg * 1000 / (dose * 2 ** (-delay_s / HALF_LIFE_S))


def test_closed_form() -> None:
    factor = bodyweight_factor(weight_kg=70, injected_bq=350e6, half_life_s=6586, delay_s=6586)
    assert factor == pytest.approx(2 * 70_000 / 350e6, rel=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        {"weight_kg": 0.0},
        {"weight_kg": math.nan},
        {"injected_bq": -1.0},
        {"half_life_s": math.inf},
        {"delay_s": -1.0},
        {"delay_s": 1e9},
    ],
)
def test_impossible_inputs(change: dict[str, float]) -> None:
    usual = {"weight_kg": 70.0, "injected_bq": 1e8, "half_life_s": 100.0, "delay_s": 0.0}
    with pytest.raises(SuvError):
        bodyweight_factor(**(usual | change))


def test_start(pet_header: Header) -> None:
    found = suv_factor(pet_header())
    assert found.factor == pytest.approx(by_hand(), rel=1e-12)
    assert (found.weight_kg, found.injected_bq, found.half_life_s) == (70, 370e6, HALF_LIFE_S)
    assert (found.delay_s, found.nuclide, found.decay_correction) == (3600, "F-18", "START")
    assert found.slice_factors is None
    assert not any("2024" in str(value) for value in found.facts().values())


def test_admin_has_no_delay_and_needs_no_times(pet_header: Header) -> None:
    header = pet_header(
        {"RadiopharmaceuticalStartTime": None}, DecayCorrection="ADMIN", SeriesTime=None
    )
    found = suv_factor(header)
    assert found.factor == pytest.approx(by_hand(delay_s=0), rel=1e-12)
    assert found.delay_s == 0


def test_without_correction_each_bed_has_its_factor(pet_header: Header) -> None:
    times = ["100000", "100000", "100500"]
    headers = [
        pet_header(
            AcquisitionTime=t,
            DecayCorrection="NONE",
            CorrectedImage=["ATTN"],
            ActualFrameDuration="2",
        )
        for t in times
    ]
    found = suv_factor(headers)
    assert found.slice_factors == pytest.approx(
        [by_hand(delay_s=s) for s in (3600.001, 3600.001, 3900.001)], rel=1e-9
    )
    assert found.factor == pytest.approx(sum(found.slice_factors or ()) / 3)
    assert any("own frame" in guess for guess in found.guesses)


def test_doubling_dose_halves_and_doubling_weight_doubles(pet_header: Header) -> None:
    one = suv_factor(pet_header()).factor
    assert suv_factor(pet_header({"RadionuclideTotalDose": "740000000"})).factor * 2 == one
    assert suv_factor(pet_header(PatientWeight="140")).factor == one * 2


def test_across_midnight_equals_same_day(pet_header: Header) -> None:
    same_day = suv_factor(pet_header()).factor
    night = {"SeriesTime": "003000", "AcquisitionTime": "003000"}
    by_clock = suv_factor(pet_header({"RadiopharmaceuticalStartTime": "233000"}, **night))
    dated = {"RadiopharmaceuticalStartDateTime": "20240109233000"}
    by_date = suv_factor(pet_header(dated, **night))
    assert by_clock.factor == by_date.factor == same_day
    assert any("evening before" in guess for guess in by_clock.guesses)


def test_given_weight_wins(pet_header: Header) -> None:
    found = suv_factor(pet_header(PatientWeight=None), weight_kg=91)
    assert found.factor == pytest.approx(by_hand(weight_kg=91))
    assert any("given by the user" in guess for guess in found.guesses)
    with pytest.raises(SuvError, match="between 1 and 500"):
        suv_factor(pet_header(), weight_kg=0)


def test_whole_series_reveals_a_rewritten_series_time(pet_header: Header) -> None:
    late = {"SeriesTime": "120000", "Manufacturer": "ACME"}
    headers = [pet_header(AcquisitionTime=t, **late) for t in ("100300", "100000")]
    assert suv_factor(headers).factor == pytest.approx(by_hand())


@pytest.mark.parametrize("vendor", ["SIEMENS", "GE MEDICAL SYSTEMS", "Philips", "UIH"])
def test_vendors_with_plain_headers_agree(pet_header: Header, vendor: str) -> None:
    assert suv_factor(pet_header(Manufacturer=vendor)).factor == pytest.approx(by_hand())


def test_ge_decays_to_its_private_time(pet_header: Header) -> None:
    header = pet_header(Manufacturer="GE MEDICAL SYSTEMS", SeriesTime="133000")
    block = header.private_block(0x0009, "GEMS_PETD_01", create=True)
    block.add_new(0x0D, "DT", "20240110093000.00")
    assert suv_factor(header).factor == pytest.approx(by_hand(delay_s=1800))


def philips(header: Dataset, **factors: str) -> Dataset:
    block = header.private_block(0x7053, PHILIPS, create=True)
    for name, value in factors.items():
        block.add_new({"suv": 0x00, "activity": 0x09}[name], "DS", value)
    header.Manufacturer = "Philips Medical Systems"
    return header


@pytest.mark.parametrize("units", ["CNTS", "PROPCNTS"])
def test_philips_counts(pet_header: Header, units: str) -> None:
    header = philips(pet_header(Units=units), suv="0.00125", activity="3.5")
    found = suv_factor(header)
    assert found.factor == 0.00125
    assert "7053,1000" in found.method
    weighed = suv_factor(header, weight_kg=80)
    assert weighed.factor == pytest.approx(3.5 * by_hand(weight_kg=80))
    assert activity_factor(header) == 3.5


def test_philips_factors_are_each_slices_own(pet_header: Header) -> None:
    def headers(kind: str, *values: str | None) -> list[Dataset]:
        made = [pet_header(Units="CNTS") for _ in values]
        return [philips(h, **({kind: v} if v else {})) for h, v in zip(made, values, strict=True)]

    found = suv_factor(headers("suv", "0.25", "0.5", None))
    assert found.slice_factors == (0.25, 0.5, 0.25)
    assert "1 slices lack the factor" in found.guesses[-1]
    for values in (("3.5", "3.6"), ("3.5", None)):
        with pytest.raises(SuvError, match="differs between slices"):
            suv_factor(headers("activity", *values))


def test_philips_activity_factor_when_the_suv_factor_is_zero(pet_header: Header) -> None:
    found = suv_factor(philips(pet_header(Units="CNTS"), suv="0", activity="3.5"))
    assert found.factor == pytest.approx(3.5 * by_hand())
    assert "7053,1009" in found.guesses[0]


def test_gml(pet_header: Header) -> None:
    found = suv_factor(pet_header(Units="GML", SUVType="BW", PatientWeight=None))
    assert (found.factor, found.guesses) == (1.0, ())
    untold = suv_factor(pet_header(Units="GML"))
    assert untold.factor == 1.0
    assert "SUVType" in untold.guesses[0]


@pytest.mark.parametrize("kind", ["LBM", "BSA", "IBW", "LBMJANMA"])
def test_gml_of_another_kind_is_refused(pet_header: Header, kind: str) -> None:
    with pytest.raises(SuvError, match=kind):
        suv_factor(pet_header(Units="GML", SUVType=kind))


REFUSALS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"Units": "CNTS"}, "7053,1000"),
    ({}, {"Units": "PROPCNTS"}, "private factors"),
    ({}, {"Units": "CM2ML"}, "CM2ML"),
    ({}, {"Units": None}, r"Units \(0054,1001\) is missing"),
    ({}, {"PatientWeight": None}, r"PatientWeight \(0010,1030\) is empty"),
    ({}, {"PatientWeight": ""}, "--weight-kg"),
    ({}, {"PatientWeight": "0"}, "is zero"),
    ({}, {"PatientWeight": "70000"}, "grams"),
    ({}, {"PatientWeight": "0.5"}, "no patient weighs"),
    ({}, {"DecayCorrection": None, "CorrectedImage": ["ATTN"]}, "DecayCorrection"),
    ({}, {"DecayCorrection": "NONE"}, "contradict"),
    ({}, {"SeriesTime": None, "AcquisitionTime": None}, "SeriesTime"),
    ({}, {"RadiopharmaceuticalInformationSequence": None}, "0 injections"),
    ({"RadionuclideTotalDose": None}, {}, r"RadionuclideTotalDose \(0018,1074\) is empty"),
    ({"RadionuclideTotalDose": "0"}, {}, "above 0"),
    ({"RadionuclideTotalDose": "370"}, {}, "looks like MBq"),
    ({"RadionuclideTotalDose": "370000000000"}, {}, "more than is ever given"),
    ({"RadionuclideHalfLife": None}, {}, "missing for the nuclide F-18"),
    ({"RadionuclideHalfLife": "109.8"}, {}, "looks like minutes"),
    ({"RadionuclideHalfLife": "4062"}, {}, "the nuclide is F-18"),
    ({"RadiopharmaceuticalStartTime": None}, {}, "when the tracer was injected"),
    ({"RadiopharmaceuticalStartTime": "110000"}, {}, "1:00:00 after"),
    ({"RadiopharmaceuticalStartDateTime": "20240111090000"}, {}, "23:00:00 after"),
    ({"RadiopharmaceuticalStartDateTime": "20240108090000"}, {}, "49.0 h before"),
]


@pytest.mark.parametrize(("agent", "tags", "told"), REFUSALS)
def test_refusals(
    pet_header: Header, agent: dict[str, Any], tags: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told) as caught:
        suv_factor(pet_header(agent, **tags))
    assert str(caught.value).startswith('cannot compute SUV for series "PET WB AC"')
    assert caught.value.remedy


def test_two_injections_are_refused(pet_header: Header, fdg: Header) -> None:
    header = pet_header()
    header.RadiopharmaceuticalInformationSequence = Sequence([fdg(), fdg()])
    with pytest.raises(SuvError, match="2 injections"):
        suv_factor(header)


def test_long_lived_nuclide_may_wait_days(pet_header: Header) -> None:
    code = Dataset()
    code.CodeValue, code.CodeMeaning = "C-168A4", "^89^Zirconium"
    agent = {
        "RadionuclideCodeSequence": Sequence([code]),
        "RadionuclideHalfLife": "282276",
        "RadiopharmaceuticalStartDateTime": "20240107100000",
    }
    found = suv_factor(pet_header(agent))
    assert found.delay_s == 3 * 86400
    assert found.nuclide == "Zr-89"


def test_guesses_are_told(pet_header: Header) -> None:
    unnamed = {"RadionuclideCodeSequence": None, "Radiopharmaceutical": "Solution"}
    assert any("could not be checked" in g for g in suv_factor(pet_header(unnamed)).guesses)
    assumed = suv_factor(pet_header(DecayCorrection=None))
    assert any("is assumed" in guess for guess in assumed.guesses)
    short = suv_factor(pet_header({"RadiopharmaceuticalStartTime": "095500"}))
    assert any("Only 5.0 minutes" in guess for guess in short.guesses)


def test_activity_needs_activity(pet_header: Header) -> None:
    assert activity_factor(pet_header(PatientWeight=None)) == 1.0
    for units in ("GML", "CNTS"):
        with pytest.raises(SuvError, match=units):
            activity_factor(pet_header(Units=units))


def test_error_survives_pickle() -> None:
    error = SuvError("what", cause="cause", remedy="remedy")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert type(again) is SuvError
    assert str(again) == str(error)
