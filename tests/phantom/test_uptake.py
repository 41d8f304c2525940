"""Uptake tables: complete, in order, and drawn from as stated."""

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.phantom.person import Person, check_tracer, stream
from lesionloop.phantom.tissues import HU, ORGAN_OF, ORGANS, Tissue, lookup
from lesionloop.phantom.uptake import FDG, PSMA, draw_uptake

COLD = {Tissue.AIR, Tissue.TABLE, Tissue.AIRWAY}


@pytest.mark.parametrize("table", [FDG, PSMA])
def test_every_tissue_but_air_and_table_takes_up_tracer(table: dict) -> None:  # type: ignore[type-arg]
    assert set(table) == set(Tissue) - COLD
    assert all(0 < entry.low <= entry.high for entry in table.values())


def test_every_tissue_has_a_ct_number_and_every_organ_a_tissue() -> None:
    assert set(HU) == set(Tissue)
    assert set(ORGAN_OF.values()) == set(ORGANS) == set(range(1, 11))
    assert lookup(ORGAN_OF)[Tissue.LIVER] == 3
    assert lookup(ORGAN_OF)[Tissue.MUSCLE] == 0


def test_draws_stay_in_the_table_and_differ_between_patients() -> None:
    draws = [draw_uptake("psma", np.random.default_rng(seed)) for seed in range(200)]
    for tissue, entry in PSMA.items():
        values = np.array([draw.suv[tissue] for draw in draws])
        assert values.min() >= entry.low - 1e-5
        assert values.max() <= entry.high + 1e-5
        assert len(np.unique(values)) > 100
    assert all(draw.suv[Tissue.AIR] == 0 for draw in draws)


def test_persons_given_psma_are_men_and_fdg_both() -> None:
    people = [Person.draw(stream(seed, "person"), "fdg") for seed in range(40)]
    assert {person.male for person in people} == {True, False}
    assert {person.arms_up for person in people} == {True, False}
    assert all(Person.draw(stream(seed, "person"), "psma").male for seed in range(40))


def test_streams_of_different_purposes_are_independent() -> None:
    draws = {purpose: stream(3, purpose).random() for purpose in ("organs", "uptake", "lesions")}
    assert len(set(draws.values())) == 3
    assert stream(3, "organs").random() == draws["organs"]


def test_an_unknown_tracer_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="dotatate"):
        check_tracer("dotatate")
