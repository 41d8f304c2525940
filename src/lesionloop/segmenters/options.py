"""Checks of the numbers and files that users give to segmenters."""

from hashlib import blake2b, file_digest
from math import inf, isfinite
from pathlib import Path

from lesionloop.errors import InputError

__all__ = ["file_hash", "require_number"]


def file_hash(path: str) -> str:
    """What a file holds, as 32 hexadecimal digits.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot read {path}", cause=f"{error.strerror or error}.", remedy="Check the path."
        ) from error


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
