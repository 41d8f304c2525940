"""One rule for numbers."""

from decimal import Decimal
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionloop.reporting.structured.rounding import DECIMALS, shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.675, "g/ml", "2.68"),  # a float below 2.675, rounded as the decimal that it prints as
        (0.125, "g/ml", "0.13"),
        (-0.125, "g/ml", "-0.13"),
        (-0.001, "g/ml", "0.00"),
        (0.0, "ml", "0.00"),
        (0.004, "ml", "<0.01"),
        (0.2, "count", "<1"),
        (12345.65, "g", "12345.7"),
        (3, "count", "3"),
        (1e21, "mm", "1000000000000000000000.0"),
        (None, "ml", None),
        (nan, "ml", None),
        (inf, "ml", None),
    ],
)
def test_numbers_are_shown_by_one_rule(value: float | None, unit: str, text: str | None) -> None:
    assert shown(value, unit) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(sorted(DECIMALS)))
def test_what_is_shown_is_within_half_a_step(value: float, unit: str) -> None:
    text = shown(value, unit)
    assert text is not None
    step = Decimal(1).scaleb(-DECIMALS[unit])
    if text.startswith("<"):
        assert 0 < value < float(step)
        assert Decimal(text[1:]) == step
    else:
        assert abs(Decimal(text) - Decimal(repr(value))) <= step / 2
        assert "e" not in text.lower()
