"""Small studies for segmenters: hot spots in noise, a body in air."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity, Study, Volume

StudyMaker = Callable[..., Study]

#: 20 degrees about z, then flipped in y: oblique and left-handed.
OBLIQUE = (
    float(np.cos(0.35)), float(np.sin(0.35)), 0.0,
    float(np.sin(0.35)), -float(np.cos(0.35)), 0.0,
    0.0, 0.0, 1.0,
)  # fmt: skip


@pytest.fixture(scope="session")
def make_study() -> StudyMaker:
    """A function that puts PET values (and CT values) on a grid as a study."""

    def make(
        pet: NDArray[np.floating],
        *,
        ct: NDArray[np.floating] | None = None,
        spacing: tuple[float, float, float] = (3.1, 4.2, 5.3),
        origin: tuple[float, float, float] = (-20.0, 11.0, 7.0),
        direction: tuple[float, ...] = (1, 0, 0, 0, 1, 0, 0, 0, 1),
        tracer: str | None = None,
    ) -> Study:
        x, y, z = pet.shape
        grid = Grid((x, y, z), spacing, origin, direction)
        volume = Volume(pet, grid, Quantity.SUV_BW)
        return Study(volume, None if ct is None else Volume(ct, grid, Quantity.HU), "s", tracer)

    return make


@pytest.fixture(scope="session")
def random_study(make_study: StudyMaker) -> StudyMaker:
    """A function that makes a noisy study with hot spots of several sizes; seeded."""

    def make(
        seed: int = 0,
        shape: tuple[int, int, int] = (29, 23, 17),
        *,
        with_ct: bool = True,
        order: str = "F",
        **geometry: object,
    ) -> Study:
        rng = np.random.default_rng(seed)
        pet = rng.gamma(2.0, 0.5, shape)
        points = np.moveaxis(np.indices(shape), 0, -1)
        for _ in range(6):
            centre, radius = rng.uniform(0, shape), rng.uniform(1, 5)
            pet += rng.uniform(2, 12) * np.exp(
                -np.square((points - centre) / radius).sum(axis=-1) / 2
            )
        values = np.array(pet, dtype=np.float32, order=order)  # type: ignore[call-overload]
        ct = rng.normal(0, 100, shape).astype(np.float32) if with_ct else None
        return make_study(values, ct=ct, **geometry)

    return make


@pytest.fixture(scope="session")
def oblique() -> tuple[float, ...]:
    """Direction of an oblique, left-handed grid."""
    return OBLIQUE
