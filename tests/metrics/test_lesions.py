from typing import Literal

import numpy as np
import pytest
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.metrics.lesions import Connectivity, label_lesions

#: scipy counts how many axes may change at once.
RANKS: dict[Connectivity, int] = {6: 1, 18: 2, 26: 3}


@pytest.mark.parametrize("connectivity", [6, 18, 26])
@pytest.mark.parametrize("dtype", [bool, np.uint8])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(8, 6, 10), (7, 9, 5), (13, 4, 3)])
def test_parts_agree_with_scipy(
    connectivity: Connectivity, dtype: type, order: Literal["C", "F"], shape: tuple[int, int, int]
) -> None:
    rng = np.random.default_rng(5)
    for density in (0.05, 0.2, 0.5):
        mask: np.ndarray = np.array(rng.random(shape) < density, dtype=dtype, order=order)
        labels, count = label_lesions(mask, connectivity=connectivity)
        structure = ndimage.generate_binary_structure(3, RANKS[connectivity])
        expected, expected_count = ndimage.label(mask, structure)
        pairs = np.unique(np.stack([labels.ravel(), expected.ravel()]), axis=1)
        assert count == expected_count
        assert pairs.shape[1] == len(np.unique(expected))  # one to one


def test_touching_values_are_different_lesions() -> None:
    mask = np.zeros((5, 4, 3), np.uint8)
    mask[1:3, 1, 1] = 1
    mask[3, 1, 1] = 2
    assert label_lesions(mask, connectivity=18)[1] == 2


def test_corner_contact_alone_joins_only_with_26() -> None:
    mask = np.zeros((4, 5, 3), bool)
    mask[1, 1, 0] = mask[2, 2, 1] = True
    assert [label_lesions(mask, connectivity=n)[1] for n in (6, 18, 26)] == [2, 2, 1]


def test_nothing_to_label() -> None:
    assert label_lesions(np.zeros((0, 0, 0), bool), connectivity=18)[1] == 0
    assert label_lesions(np.zeros((3, 4, 5), bool), connectivity=18)[1] == 0


def test_unknown_connectivity_is_refused() -> None:
    with pytest.raises(InputError, match="6, 18 or 26"):
        label_lesions(np.ones((3, 4, 5), bool), connectivity=8)  # type: ignore[arg-type]
