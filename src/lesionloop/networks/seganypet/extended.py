"""More options for a network that has weights already."""

from dataclasses import replace

import torch

from lesionloop.networks.seganypet.model import SegAnyPET

__all__ = ["extended"]

#: Layers whose input is the crop: the CT is their second channel.
_SEE_THE_CROP = ("encoder.patches.weight", "decoder.finer.look.0.weight")


def extended(
    network: SegAnyPET, *, ct: bool, scribbles: bool, finer: bool, checkpointing: bool
) -> SegAnyPET:
    """A network of the same weights with the options that are asked for beside its own.

    New parts begin without effect: weights of the CT at zero, those of scribbles and of the finer
    logits as they are in a new network. So the first masks are those of ``network`` (interpolated
    with ``finer``), and training goes on from there.

    Raises:
        ValueError: the sizes of the network do not allow an option.
    """
    old = network.config
    config = replace(
        old,
        channels_in=2 if ct else old.channels_in,
        prompt_scribbles=scribbles or old.prompt_scribbles,
        finer=finer or old.finer,
        checkpointing=checkpointing,
    )
    wider = SegAnyPET(config)
    state = wider.state_dict()
    for name, value in network.state_dict().items():
        if name in _SEE_THE_CROP and config.channels_in > old.channels_in:
            value = torch.cat([value, torch.zeros_like(value)], dim=1)  # noqa: PLW2901
        state[name] = value
    wider.load_state_dict(state)
    return wider
