"""Numbers of a crop as the network wants them."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["AIR_HU", "normalise_crop"]

#: CT outside of the field.
AIR_HU = -1000.0

#: CT numbers beyond are alike, HU.
_MOST_HU = 1000.0

#: A CT number of this size is of order one, HU.
_HU_SCALE = 250.0


def normalise_crop(
    pet: NDArray[np.floating], ct: NDArray[np.floating] | None = None
) -> NDArray[np.float32]:
    """Crop as the network sees it, float32 (1 or 2, x, y, z).

    PET: z-score with mean and standard deviation (n - 1) of the voxels above 0 of this crop, as the
    published weights were trained; so the number of a voxel depends on the crop. Where fewer than
    two voxels are above 0, or all are alike, the crop is 0. CT, an extension: clamped to 1,000 HU
    either way and divided by 250, the same in every crop.

    Args:
        pet: uptake [x, y, z], 0 outside of the field.
        ct: HU [x, y, z]; None when the network sees PET alone.
    """
    inside = pet[pet > 0].astype(np.float64)
    deviation = float(inside.std(ddof=1)) if inside.size > 1 else 0.0
    scored = np.zeros(pet.shape, dtype=np.float32)
    if deviation > 0:
        scored[...] = (pet - inside.mean()) / deviation
    if ct is None:
        return scored[None]
    return np.stack([scored, (np.clip(ct, -_MOST_HU, _MOST_HU) / _HU_SCALE).astype(np.float32)])
