"""A promptable network in the viewer: nothing until something is drawn, then a mask of its own."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lesionloop.networks.seganypet import SegAnyPET, SegAnyPETConfig  # noqa: E402

#: Of two balls of radius 3 voxels; see the conftest.
FIRST, BESIDE = (12, 10, 9), (12, 10, 14)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file as a training writes it, of random numbers, with logits far from zero."""
    torch.manual_seed(7)
    small = replace(
        SegAnyPETConfig.small(), image_size=32, patch=8, window=4, width=48, embed=48, depth=1,
        global_blocks=(0,), compatible=False,
    )  # fmt: skip
    network = SegAnyPET(small)
    with torch.no_grad():
        network.encoder.position.normal_(std=0.3)
        for name, parameter in network.named_parameters():
            if "mask_vectors.0.layers.2" in name:
                parameter.mul_(30)
    path = tmp_path / "small.pt"
    stored = {"model_state_dict": network.state_dict(), "config": asdict(small), "spacing_mm": 4.0}
    torch.save(stored, path)
    return path


def test_a_stroke_makes_a_mask_and_a_correction_changes_it(
    start: Callable[..., Any], data: Path, tmp_path: Path, weights: Path
) -> None:
    server = start(
        data, tmp_path / "state", "--segmenter", f"seganypet:{weights}",
        "-o", "device=cpu", "-o", "windows=0",
    )  # fmt: skip
    client = server.client()
    assert client.info()["segmenter"] == "seganypet"
    session = client.open(client.studies()[0]["id"], "me")
    assert not session.mask.any()
    x, y, z = FIRST
    session.scribble("foreground", [(x + n, y, z) for n in range(-1, 2)])
    first = session.mask.copy()
    assert all(first[x + n, y, z] > 0 for n in range(-1, 2))
    assert (first > 0).sum() > 3, "the network marks nothing: this test says nothing"
    assert (first > 0).sum() < first.size / 2
    session.scribble("background", [BESIDE])
    second = session.mask
    assert second[BESIDE] == 0
    assert ((first > 0) != (second > 0)).sum() > 1  # more than the voxel drawn
    np.testing.assert_array_equal(client.resume(session.id).mask, second)
