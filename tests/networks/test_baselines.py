"""The networks of MONAI behind the encoding of the compact one."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from lesionloop.errors import InputError  # noqa: E402
from lesionloop.networks import baselines  # noqa: E402
from lesionloop.networks.baselines import Baseline, build, side_multiple, widths_fit  # noqa: E402
from lesionloop.networks.ensemble import Ensemble, restore, storable  # noqa: E402
from lesionloop.networks.unet import InteractiveUNet  # noqa: E402

SMALL = {"compact": (4, 8), "dynunet": (4, 6, 8), "segresnet": (8,), "swinunetr": (12,)}


def channels(side: int, seed: int = 0) -> Any:
    inputs = torch.rand((1, 7, side, side, side), generator=torch.Generator().manual_seed(seed))
    inputs[:, 2:4] *= 60
    return inputs


@pytest.mark.parametrize("architecture", ["compact", "dynunet", "segresnet"])
def test_it_sees_scribbles_and_is_stored_whole(architecture: str) -> None:
    torch.manual_seed(3)
    network = build(architecture, SMALL[architecture], "wide").eval()
    assert network.architecture == architecture
    assert network.any_size == (architecture == "compact")
    side = 2 * network.multiple
    inputs = channels(side)
    with torch.no_grad():
        logits = network(inputs)
        assert logits.shape == (1, 1, side, side, side)
        assert logits.mean() < 0  # lesions are rare
        drawn = inputs.clone()
        drawn[:, 2] = 5
        assert not torch.equal(network(drawn), logits)
        again = restore(storable(Ensemble([network]))).eval()
        assert again.any_size == network.any_size
        torch.testing.assert_close(again(inputs), logits, rtol=0, atol=0)
    with pytest.raises(ValueError, match="channels"):
        network(inputs[:, :3])


def test_the_same_seed_is_the_same_network() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(build("dynunet", (4, 6, 8)).state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_files_without_an_architecture_are_compact() -> None:
    stored = storable(Ensemble([InteractiveUNet((4, 8))]))
    del stored["members"][0]["architecture"]
    (member,) = restore(stored).members
    assert isinstance(member, InteractiveUNet)


@pytest.mark.parametrize(
    ("architecture", "widths", "fits", "multiple"),
    [
        ("compact", (4, 8, 8), True, 4),
        ("compact", (4,), False, 1),
        ("dynunet", (4, 8), False, 2),
        ("dynunet", (16, 32, 64, 128, 256, 256), True, 32),
        ("segresnet", (12,), False, 8),
        ("segresnet", (16, 1), True, 8),
        ("swinunetr", (16, 32, 64, 128), False, 32),
        ("swinunetr", (24,), True, 32),
        ("swinunetr", (), False, 32),
    ],
)
def test_widths(architecture: str, widths: tuple[int, ...], fits: bool, multiple: int) -> None:
    assert widths_fit(architecture, widths) == fits
    assert side_multiple(architecture, widths) == multiple


def test_what_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (("unet", (4, 8)), ("dynunet", (4, 8)), ("dynunet", (4, 8, 8), "far")):
        with pytest.raises(ValueError, match=r"must be one of|there is no"):
            Baseline(*arguments)
    monkeypatch.setattr(baselines, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"needs monai") as refused:
        build("segresnet", (8,))
    assert "lesionloop[baselines]" in str(refused.value)
    build("compact", (4, 8))
