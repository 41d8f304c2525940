import math

from lesionloop.metrics import value_when_empty


def test_rules_by_situation() -> None:
    def dsc(reference_empty: bool, prediction_empty: bool) -> float | None:
        return value_when_empty(
            "dsc", reference_empty=reference_empty, prediction_empty=prediction_empty
        )

    assert dsc(False, False) is None
    assert dsc(False, True) == 0.0
    assert math.isnan(dsc(True, False) or 0.0)
    assert math.isnan(dsc(True, True) or 0.0)
