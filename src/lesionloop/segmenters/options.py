"""Checks of the numbers that users give to segmenters."""

from math import inf, isfinite

from lesionloop.errors import InputError

__all__ = ["require_number"]


def require_number(
    name: str, value: object, *, above: float = -inf, at_least: float = -inf, below: float = inf
) -> None:
    """Refuse an option that is not a finite number within the bounds.

    Raises:
        InputError: names the option, its value and the bounds.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if number and at_least <= value < below and value > above:  # type: ignore[operator]
        return
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (("above", above), ("at least", at_least), ("below", below))
        if isfinite(bound)
    ]
    raise InputError(f"option {name} must be a number {' and '.join(bounds)}, not {value!r}")
