"""The position code, number by number."""

import math

import torch

from lesionloop.networks.seganypet import SegAnyPET, SegAnyPETConfig
from lesionloop.networks.seganypet.position import FourierPosition
from lesionloop.networks.seganypet.prompts import PromptEncoder


def code_of(place: tuple[float, float, float], frequencies: torch.Tensor) -> list[float]:
    """Sine, cosine, sine, from the formula alone."""
    phases = [
        2 * math.pi * sum((2 * p - 1) * float(frequencies[axis, n]) for axis, p in enumerate(place))
        for n in range(frequencies.shape[1])
    ]
    return [f(phase) for f in (math.sin, math.cos, math.sin) for phase in phases]


def test_code_of_a_point() -> None:
    position = FourierPosition(12, swapped=True)
    place = (0.1, 0.45, 0.8)
    found = position(torch.tensor([place]))[0]
    assert torch.allclose(found, torch.tensor(code_of(place, position.frequencies)), atol=1e-5)


def test_dense_code_has_its_first_two_axes_swapped() -> None:
    position = FourierPosition(12, swapped=True)
    dense = position.dense(4)
    assert dense.shape == (1, 12, 4, 4, 4)
    x, y, z = 0, 2, 3
    expected = code_of(((y + 0.5) / 4, (x + 0.5) / 4, (z + 0.5) / 4), position.frequencies)
    assert torch.allclose(dense[0, :, x, y, z], torch.tensor(expected), atol=1e-5)


def test_without_the_quirk_a_token_has_the_code_of_its_middle() -> None:
    position = FourierPosition(12, swapped=False)
    dense = position.dense(4)
    middle = position(torch.tensor([[0.5 / 4, 2.5 / 4, 3.5 / 4]]))[0]
    assert torch.allclose(dense[0, :, 0, 2, 3], middle, atol=1e-6)


def test_points_are_voxel_middles_with_the_vector_of_their_sign() -> None:
    prompts = PromptEncoder(SegAnyPETConfig.small())
    points = torch.tensor([[[3.0, 10.0, 31.0], [5.0, 6.0, 7.0], [1.0, 1.0, 1.0]]])
    tokens = prompts.points(points, torch.tensor([[1, 0, -1]]))
    assert tokens.shape == (1, 4, 96)
    code = prompts.position((points + 0.5) / 32)
    torch.testing.assert_close(tokens[0, 0], code[0, 0] + prompts.positive[0])
    torch.testing.assert_close(tokens[0, 1], code[0, 1] + prompts.negative[0])
    for none in (2, 3):  # a filled up batch, and the point that is always there
        assert torch.equal(tokens[0, none], prompts.no_point[0])


def test_the_matrix_is_stored() -> None:
    with torch.device("meta"):
        names = SegAnyPET(SegAnyPETConfig.small()).state_dict()
    assert names["prompts.position.frequencies"].shape == (3, 32)
