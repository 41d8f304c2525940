"""Connected parts of a mask."""

import cc3d
import numpy as np
from numpy.typing import NDArray

__all__ = ["label_parts"]


def label_parts(mask: NDArray[np.bool_]) -> tuple[NDArray[np.unsignedinteger], int]:
    """Number the 18-connected parts of a bool mask: labels, 0 outside and 1 to n inside, and n.

    18 neighbours, as the challenge counts lesions. Labelled as bytes: cc3d 4.0 to 4.1.1 can
    mislabel bool arrays of odd size.
    """
    labels, count = cc3d.connected_components(mask.view(np.uint8), connectivity=18, return_N=True)
    return labels, int(count)
