"""Cubes around lesions: where they lie, what is in them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lesionloop.errors import InputError  # noqa: E402
from lesionloop.training.seganypet.objects import (  # noqa: E402
    Cut,
    cut_object,
    draw_object,
    scan_of,
)
from lesionloop.training.seganypet.seeds import seeded  # noqa: E402


def scan() -> Any:
    pet = np.arange(20 * 18 * 16, dtype=np.float32).reshape(20, 18, 16) + 1
    reference = np.zeros(pet.shape, bool)
    reference[2:6, 3:6, 4:7] = True  # 36 voxels, middle at 4, 4, 5
    reference[15:17, 14:15, 12:15] = True  # 6 voxels
    return scan_of(pet, reference)


def test_a_scan_knows_its_lesions() -> None:
    found = scan()
    assert found.boxes.tolist() == [[[2, 6], [3, 6], [4, 7]], [[15, 17], [14, 15], [12, 15]]]
    assert found.sizes.tolist() == [36, 6]
    empty = scan_of(found.pet, np.zeros(found.pet.shape, bool))
    assert empty.boxes.shape == (0, 3, 2)
    assert cut_object(empty, Cut(8, 0.1), seeded(1)) is None


def test_the_cube_of_an_object_is_around_the_middle_of_its_box() -> None:
    cut = Cut(12, 0.1, centre="object", smallest_ml=1.0, flips=False)
    one = cut_object(scan(), cut, seeded(1))
    assert one is not None
    assert one.image.shape == one.reference.shape == (1, 12, 12, 12)
    assert int(one.reference.sum()) == 36
    # The box begins at 2, 3, 4; the cube at (4, 4, 5) - 6.
    assert one.reference[0].nonzero().min(dim=0).values.tolist() == [4, 5, 5]
    inside = scan().pet[:10, :10, :11]
    values = one.image[0, 2:, 2:, 1:].numpy()
    np.testing.assert_allclose(values, (inside - inside.mean()) / inside.std(ddof=1), rtol=1e-4)
    assert (one.image[0, :2] < values.min()).all()


def test_the_middle_of_a_cube_around_a_voxel_is_lesion() -> None:
    seen = set()
    for seed in range(30):
        one = cut_object(scan(), Cut(8, 0.1, smallest_ml=0.5, flips=False), seeded(seed))
        assert one is not None
        assert one.reference[0, 4, 4, 4]
        seen.add(int(one.reference.sum()))
    assert 6 in seen
    assert len(seen) > 1


def test_small_lesions_are_left_out_or_asked_for() -> None:
    for limit, sizes in ((0.7, {36}), (0.6, {36, 6})):
        cut = Cut(16, 0.1, centre="object", smallest_ml=limit)
        found = {int(cut_object(scan(), cut, seeded(n)).reference.sum()) for n in range(20)}  # type: ignore[union-attr]
        assert found == sizes


def test_all_lesions_of_a_cube_or_one() -> None:
    whole = Cut(40, 0.1, centre="object", target="all", smallest_ml=0)
    one = cut_object(scan(), whole, seeded(1))
    assert one is not None
    assert int(one.reference.sum()) == 42


def test_flips_turn_image_and_reference_alike(balls: Any) -> None:
    seen = set()
    for seed in range(20):
        one = draw_object(balls, Cut(16, 0.064, smallest_ml=0.5), seeded(seed))
        assert one.image[one.reference].mean() > 5 * one.image[~one.reference].abs().mean()
        plain = cut_object(scan(), Cut(8, 0.1, "object", smallest_ml=1), seeded(seed))
        assert plain is not None
        steps = [float(plain.image[0].diff(dim=axis).median()) > 0 for axis in range(3)]
        seen.add(tuple(steps))
    assert len(seen) > 4


def test_a_ct_is_cut_and_mirrored_with_the_pet() -> None:
    plain = scan()
    with_ct = scan_of(plain.pet, plain.lesions > 0, (plain.pet / 10).astype(np.float32))
    cut = Cut(12, 0.1, centre="object", smallest_ml=1.0, ct=True)
    for seed in range(8):
        one = cut_object(with_ct, cut, seeded(seed))
        assert one is not None
        assert one.image.shape == (2, 12, 12, 12)
        inside = one.image[1] > -4  # air, -1,000 HU by 250, is outside of the scan
        assert int(inside.sum()) == 10 * 10 * 11  # the cube begins at -2, -2, -1
        pet = cut_object(plain, replace(cut, ct=False), seeded(seed))
        assert pet is not None
        assert torch.equal(pet.image[0], one.image[0])
        both = torch.stack([one.image[0][inside], one.image[1][inside]])
        assert float(torch.corrcoef(both)[0, 1]) > 0.999
    with pytest.raises(InputError, match="has no CT"):
        cut_object(plain, cut, seeded(1))


def test_a_source_without_lesions_is_refused() -> None:
    class Empty:
        def draw(self, generator: Any) -> Any:
            del generator
            return scan_of(np.ones((4, 4, 4), np.float32), np.zeros((4, 4, 4), bool))

    with pytest.raises(InputError, match="no lesion"):
        draw_object(Empty(), Cut(4, 1.0), seeded(1))
