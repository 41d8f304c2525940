"""Which voxels of a mask are lesion.

Masks to be scored hold 1 for lesion, training labels of the benchmark 1 for liver and 2 for lesion.
A training label that is scored as it is would have its liver scored, so values are looked at first.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError

__all__ = ["MASK_VALUES", "MaskValues", "lesion_mask"]

#: "binary": 0 and 1, anything else is refused. "training": 2 is lesion, 0 and 1 are not, anything
#: else is refused. "truncate": 1 after the fraction is cut off and the number wrapped to 8 signed
#: bits, anything else is not lesion, as in the released code.
MaskValues = Literal["binary", "training", "truncate"]
MASK_VALUES: tuple[MaskValues, ...] = ("binary", "training", "truncate")


def lesion_mask(values: ArrayLike, meaning: str = "binary") -> NDArray[np.uint8]:
    """Return the lesion voxels of a mask as 0 and 1, without a copy where it is that already.

    Args:
        values: [x, y, z], bool or numbers.
        meaning: one of ``MASK_VALUES``.

    Raises:
        InputError: the meaning is unknown, not three axes, or values that it does not allow.
    """
    if meaning not in MASK_VALUES:
        raise InputError(
            f"unknown mask values {meaning!r}", remedy=f"Use {', '.join(MASK_VALUES)}."
        )
    mask = np.asarray(values)
    if mask.ndim != 3 or mask.dtype.kind not in "buif":
        raise InputError(
            f"a mask is an array of numbers with the axes x, y, z, not of shape {mask.shape} and"
            f" type {mask.dtype}"
        )
    if mask.dtype == np.bool_:
        return _lesion_is(mask.view(np.uint8), 2 if meaning == "training" else 1)
    if meaning == "truncate":
        return _truncated(mask)
    highest = 2 if meaning == "training" else 1
    if mask.size and not 0 <= mask.min() <= mask.max() <= highest:  # NaN fails too
        raise _refused(mask, meaning)
    if mask.dtype.kind == "f" and not np.array_equal(mask, np.rint(mask)):
        raise _refused(mask, meaning)
    return _lesion_is(mask, highest)


def _lesion_is(mask: NDArray[Any], lesion: int) -> NDArray[np.uint8]:
    if lesion == 1:
        return mask.astype(np.uint8, order="K", copy=False)
    return np.asarray(mask == lesion).view(np.uint8)


def _truncated(mask: NDArray[Any]) -> NDArray[np.uint8]:
    if mask.dtype.kind == "f":
        if not np.isfinite(mask).all() or np.abs(mask).max(initial=0) >= 2**31:
            raise InputError("a mask holds values that are no number, or beyond 32 bits")
        mask = np.trunc(mask).astype(np.int32)
    return np.asarray(mask.astype(np.int8) == 1).view(np.uint8)


def _refused(mask: NDArray[Any], meaning: str) -> InputError:
    found = np.unique(mask)
    listed = ", ".join(f"{value:g}" for value in found[:5]) + (", ..." if found.size > 5 else "")
    if meaning == "training":
        return InputError(
            f"a training label holds the values {listed}",
            cause="Known are 0 (background), 1 (liver) and 2 (lesion).",
            remedy="Check the file, or score it as a mask of 0 and 1.",
        )
    return InputError(
        f"a mask holds the values {listed}",
        cause="In a mask to be scored 1 is lesion and 0 is not. Where 2 stands for lesion, 1 may be"
        " the liver.",
        remedy="Say so for labels of 0, 1 (liver) and 2 (lesion): --reference-values training or"
        " --prediction-values training.",
    )
