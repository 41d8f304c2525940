"""The one rule by which a report writes numbers, in any language and on any machine."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from math import isfinite
from typing import Final

__all__ = ["DECIMALS", "shown"]

#: Decimals by unit: SUV in g/ml, volumes in ml, TLG in g, lengths in mm, ratios, and counts.
DECIMALS: Final[Mapping[str, int]] = {
    "g/ml": 2, "ml": 2, "g": 1, "mm": 1, "ratio": 2, "count": 0,
}  # fmt: skip

#: Room for the digits of any float.
_CONTEXT: Final = Context(prec=800)


def shown(value: float | None, unit: str) -> str | None:
    """A number as reports show it; None when it is not defined.

    The shortest decimal that reads back as the float is rounded half away from zero to the decimals
    of its unit. A number above 0 that would become 0 is shown as below one step: ``<0.01``.

    Args:
        value: full precision.
        unit: one of :data:`DECIMALS`.
    """
    if value is None or not isfinite(value):
        return None
    step = Decimal(1).scaleb(-DECIMALS[unit])
    number = Decimal(repr(value)).quantize(step, ROUND_HALF_UP, _CONTEXT)
    if number.is_zero():
        return f"<{step:f}" if value > 0 else f"{abs(number):f}"
    return f"{number:f}"
