"""A tiny network of random weights, stored as a training stores it; skipped without torch."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from lesionloop.networks.seganypet import SegAnyPET, SegAnyPETConfig  # noqa: E402

#: A crop of 32 voxels, windows of which are 32 cells of 1 voxel with ``finer``, else 16 of 2.
TINY = replace(
    SegAnyPETConfig.small(),
    image_size=32,
    window=7,
    width=48,
    embed=48,
    depth=2,
    global_blocks=(1,),
)


def write_tiny(path: Path, **options: Any) -> Path:
    """Weights of a network whose masks follow its prompts, more or less."""
    torch.manual_seed(7)
    network = SegAnyPET(replace(TINY, **options))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith(("prompts.scribbles.6", "decoder.finer.vector", "encoder.position")):
                parameter.normal_(std=0.3)
            if "mask_vectors.0.layers.2" in name:  # logits of order one, not near zero
                parameter.mul_(30)
    stored = {
        "model_state_dict": network.state_dict(),
        "config": asdict(network.config),
        "spacing_mm": 3.0,
    }
    torch.save(stored, path)
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File of a tiny network for PET and points."""
    return write_tiny(tmp_path_factory.mktemp("tiny") / "network.pt")


@pytest.fixture(scope="session")
def tiny_with_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File of a tiny network for PET and CT, points and scribbles, with finer logits."""
    return write_tiny(
        tmp_path_factory.mktemp("tiny") / "all.pt",
        channels_in=2,
        prompt_scribbles=True,
        finer=True,
    )
