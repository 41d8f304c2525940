"""From trained weights to the file that runs without torch."""

import warnings
from pathlib import Path

import torch

from lesionloop.networks.channels import CHANNELS
from lesionloop.networks.ensemble import Ensemble

__all__ = ["export_onnx"]

_OPSET = 17  # the newest that the tracing exporter writes without rewriting operators


def export_onnx(network: Ensemble, path: Path, window: int = 0) -> None:
    """Write the network, batch normalisation folded into the convolutions, as ONNX.

    The input is ``inputs`` float32 (batch, CHANNELS, x, y, z), the output ``logits``
    (batch, 1, x, y, z); batch and sides are free, the sides multiples of ``network.multiple``.

    Args:
        network: to write.
        path: of the file.
        window: voxels per side of the only input that the file takes, one at a time; 0 for free
            sides. Where the network's own code decides by the size, free sides cannot be traced.
    """
    network = network.float().eval()
    side = window or 2 * network.multiple
    example = torch.zeros(1, CHANNELS, side, side, side)
    free = {} if window else {0: "batch", 2: "x", 3: "y", 4: "z"}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's notice that it is the older one
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=["inputs"],
            output_names=["logits"],
            dynamic_axes={"inputs": free, "logits": free},
            opset_version=_OPSET,
            dynamo=False,
        )
