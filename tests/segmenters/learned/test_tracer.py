"""The tracer is read from the kidneys."""

import numpy as np
import pytest

from lesionloop.phantom import make_phantom
from lesionloop.segmenters.learned.tracer import infer_tracer


def spots(*places: tuple[int, int, int], size: int = 12, suv: float = 30.0) -> np.ndarray:
    pet = np.full((100, 80, 120), 1.0, np.float32)
    for x, y, z in places:
        pet[x : x + size, y : y + size, z : z + size] = suv
    return pet


def test_a_pair_of_hot_kidneys_is_psma() -> None:
    assert infer_tracer(spots((25, 40, 50), (60, 40, 55)), 4.0) == "psma"


@pytest.mark.parametrize(
    "pet",
    [
        spots(),
        spots((40, 40, 10)),
        spots((25, 40, 10), (60, 40, 90)),
        spots((45, 20, 50), (45, 50, 50)),
        spots((25, 40, 50), (60, 40, 55), size=4),
        spots((25, 40, 50), (60, 40, 55), suv=9.0),
    ],
    ids=["nothing", "bladder", "far along", "no pair aside", "pelves", "not hot"],
)
def test_all_else_is_fdg(pet: np.ndarray) -> None:
    assert infer_tracer(pet, 4.0) == "fdg"


@pytest.mark.parametrize("tracer", ["fdg", "psma"])
def test_synthetic_patients_are_told_apart(tracer: str) -> None:
    for seed in (1, 2):
        phantom = make_phantom(seed=seed, tracer=tracer, spacing=(4.0, 4.0, 4.0))  # type: ignore[arg-type]
        assert infer_tracer(phantom.pet.values, 4.0) == tracer
