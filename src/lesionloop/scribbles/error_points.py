"""Where a simulated reader clicks: voxels where a mask is wrong, by one of three rules."""

import edt
import numpy as np
from numpy.typing import NDArray

__all__ = ["RULES", "error_point", "error_region"]

#: "uniform": any wrong voxel. "coin": missing or surplus, either as likely, then any voxel of it.
#: "deep": the kind of error that reaches deeper, at least half as deep as it gets (the rule of
#: Sofiiuk et al., Reviving iterative training with mask guidance, 2021).
RULES = ("uniform", "coin", "deep")


def error_region(
    mask: NDArray[np.bool_], reference: NDArray[np.bool_], rule: str, *, coin: bool
) -> NDArray[np.bool_]:
    """Voxels that may be clicked, bool [x, y, z]; none when the mask is right everywhere.

    Args:
        mask: [x, y, z].
        reference: of the same shape.
        rule: one of ``RULES``.
        coin: how the coin of "coin" fell: True is for what is missing.

    Raises:
        ValueError: there is no such rule.
    """
    missing, surplus = reference & ~mask, mask & ~reference
    if rule == "uniform":
        return np.asarray(missing | surplus)
    if rule == "coin":
        both = missing.any() and surplus.any()
        first = coin if both else bool(missing.any())
        return np.asarray(missing if first else surplus)
    if rule == "deep":
        # The array ends where the error ends: an error cut by its border is not deepest there.
        depths = [
            edt.edt(np.ascontiguousarray(part).astype(np.uint8), black_border=True)
            for part in (missing, surplus)
        ]
        deeper = depths[0] if depths[0].max() >= depths[1].max() else depths[1]
        return np.asarray((deeper > deeper.max() / 2) & (deeper > 0))
    raise ValueError(f"no rule {rule!r}; there are {', '.join(RULES)}")


def error_point(
    mask: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    rng: np.random.Generator,
    rule: str = "uniform",
) -> tuple[tuple[int, int, int], bool] | None:
    """A voxel [x, y, z] to click and whether it is lesion; None when the mask is right.

    Args:
        mask: [x, y, z].
        reference: of the same shape.
        rng: decides.
        rule: one of ``RULES``.

    Raises:
        ValueError: there is no such rule.
    """
    places = np.flatnonzero(error_region(mask, reference, rule, coin=bool(rng.random() < 0.5)))
    if not len(places):
        return None
    x, y, z = (int(n) for n in np.unravel_index(int(rng.choice(places)), mask.shape))
    return (x, y, z), bool(reference[x, y, z])
