"""One subject against a reference: brute force, what is usual, and who stands out."""

import numpy as np

from lesionloop.metabolic.individual import deviations
from lesionloop.metabolic.moments import Moments


def test_it_is_the_move_of_the_correlation_when_one_is_added() -> None:
    rng = np.random.default_rng(1)
    values, age = rng.normal(size=(30, 4)), rng.normal(50, 10, size=(30, 1))
    values += 0.05 * age
    reference = np.arange(30) < 24
    found = deviations(Moments(values, age), reference)
    for subject in (3, 23, 24, 29):
        rest = [n for n in range(24) if n != subject]
        c = np.column_stack([np.ones(30), age])
        slope = np.linalg.lstsq(c[rest], values[rest], rcond=None)[0]
        left = values - c @ slope
        before = np.corrcoef(left[rest], rowvar=False)[np.triu_indices(4, 1)]
        after = np.corrcoef(left[[*rest, subject]], rowvar=False)[np.triu_indices(4, 1)]
        z = (after - before) * (len(rest) - 1) / (1 - before**2)
        np.testing.assert_allclose(found.z[subject], z, atol=1e-9)
        assert found.largest[subject] == np.abs(z).argmax()


def test_what_is_usual() -> None:
    """The spread is 1, but far values are several times as frequent as among normal ones."""
    values = np.random.default_rng(2).normal(size=(1500, 6))
    found = deviations(Moments(values, np.empty((1500, 0))), np.arange(1500) < 750)
    assert abs(found.z[750:].std() - 1) < 0.05
    assert 0.008 < (np.abs(found.z) > 3.29).mean() < 0.02  # normal ones: 0.001
    # For those outside who are like the reference, p is uniform.
    assert 0.03 < (found.p[750:] <= 0.05).mean() < 0.075
    assert abs(found.p[750:].mean() - 0.5) < 0.04
    assert np.isclose(found.p[:750].min(), 1 / 750)


def test_a_broken_relation_stands_out_at_its_pair() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(61, 5))
    values[:, 1] = 0.9 * values[:, 0] + 0.2 * values[:, 1]
    values[60] = [2.0, -2.0, 0, 0, 0]
    found = deviations(Moments(values, np.empty((61, 0))), np.arange(61) < 60)
    assert found.largest[60] == 0
    assert found.z[60, 0] < -10
    assert found.p[60] == 1 / 61
