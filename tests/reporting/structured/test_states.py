"""States come from numbers, and what was not measured is never normal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionloop.errors import InputError
from lesionloop.reporting.structured.building import build_report
from lesionloop.reporting.structured.model import OrganFinding
from lesionloop.reporting.structured.quantities import read_quantified
from lesionloop.reporting.structured.rules import read_rules

Make = Callable[..., Any]


@pytest.fixture
def find(quantities: Make, tmp_path: Path) -> Make:
    """The finding of an organ in made-up quantities."""

    def run(organ: str, *, said: str | None = None, **more: Any) -> OrganFinding:
        study = read_quantified(quantities(tmp_path / "q", **more))
        report = build_report(study, read_rules(), tracer=said)
        (found,) = [entry for entry in report.organs if entry.organ == organ]
        return found

    return run


# Liver 2.0, blood pool 1.5; the spleen by FDG: absent below 0.15, 0.4 to 1.1 of the liver.
@pytest.mark.parametrize(
    ("suv", "state"),
    [
        (0.25, "absent"), (0.3, "decreased"), (0.75, "decreased"), (0.8, "normal"),
        (2.2, "normal"), (2.25, "increased"),
    ],
)  # fmt: skip
def test_bounds_belong_to_normal(find: Make, suv: float, state: str) -> None:
    found = find("spleen", organs={"spleen": {"suv_mean": suv}})
    assert (found.state, found.tissue_state) == (state, state)
    assert found.sentence.key == f"organ_{state}"


def test_physiologic_uptake_has_its_own_words(find: Make) -> None:
    found = find("urinary_bladder", organs={"urinary_bladder": {"suv_mean": 40.0}})
    assert (found.state, found.kind) == ("normal", "physiologic")
    assert found.sentence.key == "organ_physiologic"
    low = find("brain", organs={"brain": {"suv_mean": 1.0}})
    assert low.state == "decreased"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"organs": {}}, "no_organ"),
        ({"organs": {"spleen": {"suv_mean": None, "voxels": 0}}}, "no_value"),
        ({"organs": {"spleen": {"suv_mean": 1.5}}, "tracer": None}, "no_tracer"),
        ({"organs": {"spleen": {"suv_mean": 1.5}}, "tracer": "choline"}, "no_rule"),
    ],
)
def test_what_is_missing_is_not_normal(find: Make, more: dict[str, Any], why: str) -> None:
    found = find("spleen", **more)
    assert (found.state, found.why) == ("not_assessed", why)


@pytest.mark.parametrize("mean", [None, 0.0, -1.0, 2.0])
def test_without_a_sound_reference_nothing_is_judged(
    find: Make, a_region: Make, mean: float | None
) -> None:
    liver = a_region(mean, ok=mean is not None and mean <= 0)
    found = find("spleen", organs={"spleen": {"suv_mean": 1.5}}, liver=liver)
    assert (found.state, found.why) == ("not_assessed", "no_reference")


def test_the_tracer_may_be_told(find: Make) -> None:
    organs = {"spleen": {"suv_mean": 1.5}}
    assert find("spleen", organs=organs, tracer=None, said="fdg").state == "normal"
    with pytest.raises(InputError, match="psma"):
        find("spleen", organs=organs, said="psma")


def test_an_organ_with_a_lesion_is_never_normal(find: Make, a_lesion: Make) -> None:
    organs = {"spleen": {"suv_mean": 1.5}}
    hot = find("spleen", organs=organs, lesions=[a_lesion("spleen")])
    assert (hot.state, hot.tissue_state, hot.lesions) == ("increased", "normal", (1,))
    cold = find("spleen", organs=organs, lesions=[a_lesion("spleen", suv_mean_g_per_ml=0.5)])
    assert cold.state == "decreased"
    mute = find("spleen", organs=organs, lesions=[a_lesion("spleen", suv_mean_g_per_ml=None)])
    assert mute.state == "not_assessed"
    both = [a_lesion("spleen", suv_mean_g_per_ml=0.5), a_lesion("spleen", share=0.2)]
    assert find("spleen", organs=organs, lesions=both).state == "increased"


def test_a_lesion_beside_an_organ_is_not_in_it(find: Make, a_lesion: Make) -> None:
    found = find(
        "spleen", organs={"spleen": {"suv_mean": 1.5}}, lesions=[a_lesion("spleen", share=0.0)]
    )
    assert (found.state, found.lesions) == ("normal", ())


def test_parts_count_by_their_voxels(find: Make, a_lesion: Make) -> None:
    organs = {
        "vertebrae_L1": {"suv_mean": 1.0, "voxels": 30},
        "rib_left_4": {"suv_mean": 2.0, "voxels": 10},
        "hip_left": {"suv_mean": None, "voxels": 0},
    }
    found = find("skeleton", organs=organs, lesions=[a_lesion("vertebrae_L1")])
    assert found.lesions == (1,)
    numbers = {number.name: number for number in found.sentence.numbers}
    assert numbers["suv_mean"].value == 1.25
    assert numbers["ratio"].value == 0.625


def test_the_whole_goes_before_its_parts(find: Make) -> None:
    organs = {"lung_upper_lobe_left": {"suv_mean": 3.0}, "lung": {"suv_mean": 0.5}}
    assert find("lung", organs=organs).state == "normal"
