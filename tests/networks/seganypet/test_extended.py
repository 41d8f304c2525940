"""Options that are added to weights begin without effect."""

from dataclasses import replace
from itertools import product

import pytest

torch = pytest.importorskip("torch")

from lesionloop.networks.seganypet import SegAnyPET, SegAnyPETConfig, extended  # noqa: E402

SMALL = replace(
    SegAnyPETConfig.small(), image_size=32, width=48, embed=48, depth=1, global_blocks=(0,)
)


@pytest.mark.parametrize(("ct", "scribbles", "finer"), list(product([False, True], repeat=3)))
def test_the_first_logits_are_those_of_the_weights(ct: bool, scribbles: bool, finer: bool) -> None:
    torch.manual_seed(4)
    old = SegAnyPET(SMALL).eval()
    new = extended(old, ct=ct, scribbles=scribbles, finer=finer, checkpointing=False).eval()
    pet, hu = torch.randn(2, 1, 1, 32, 32, 32)
    image = torch.cat([pet, hu], dim=1) if ct else pet
    drawn = (torch.rand(1, 2, 32, 32, 32) > 0.9).float() if scribbles else None
    points, labels = torch.tensor([[[8.0, 9.0, 10.0]]]), torch.tensor([[1]])
    with torch.no_grad():
        expected = old.decode(old.encode(pet), points, labels)
        found = new.decode(new.encode(image), points, labels, None, drawn)
        if finer:
            expected = torch.nn.functional.interpolate(expected, scale_factor=2, mode="trilinear")
    assert found.shape[-1] == new.config.low_side
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_ct_comes_to_a_finer_network_and_no_option_is_taken_away() -> None:
    torch.manual_seed(4)
    finer = extended(SegAnyPET(SMALL), ct=False, scribbles=True, finer=True, checkpointing=True)
    with torch.no_grad():
        for value in finer.parameters():
            value.add_(0.05 * torch.randn_like(value))
    both = extended(finer, ct=True, scribbles=False, finer=False, checkpointing=False)
    assert both.config == replace(finer.config, channels_in=2, checkpointing=False)
    pet, hu = torch.randn(2, 1, 1, 32, 32, 32)
    points, labels = torch.tensor([[[8.0, 9.0, 10.0]]]), torch.tensor([[1]])
    with torch.no_grad():
        expected = finer.eval().decode(finer.encode(pet), points, labels)
        found = both.eval().decode(both.encode(torch.cat([pet, hu], dim=1)), points, labels)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_sizes_that_do_not_allow_an_option_are_refused() -> None:
    coarse = SegAnyPET(replace(SMALL, patch=4))
    with pytest.raises(ValueError, match="multiple of 4, and of 8 with finer"):
        extended(coarse, ct=False, scribbles=False, finer=True, checkpointing=False)
