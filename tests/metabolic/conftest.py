"""Cohorts whose structure is known."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.metabolic import Cohort
from lesionloop.metabolic.covariates import Design

Floats = NDArray[np.float64]


def make_cohort(
    values: Floats, covariates: Floats | None = None, groups: tuple[str, ...] = ()
) -> Cohort:
    """Subjects s0000, ... and organs organ_00, ...; covariates are the columns c0, ..."""
    count, organs = values.shape
    known = np.empty((count, 0)) if covariates is None else covariates
    return Cohort(
        tuple(f"s{n:04d}" for n in range(count)),
        tuple(f"organ_{n:02d}" for n in range(organs)),
        values,
        Design(tuple(f"c{n}" for n in range(known.shape[1])), known),
        groups,
    )


@pytest.fixture(scope="session")
def cohort_of() -> Callable[..., Cohort]:
    """Make a cohort of an array (subjects, organs)."""
    return make_cohort
