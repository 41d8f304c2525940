"""Several networks that speak as one, and how networks are stored."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lesionloop.networks.unet import InteractiveUNet

__all__ = ["Ensemble", "restore", "storable"]


class Ensemble(nn.Module):
    """The mean of the logits of one network or more.

    Networks that were trained on other mixtures of data err in other places.

    Args:
        members: the networks.

    Raises:
        ValueError: there is none, or they do not agree on the guidance that they see.
    """

    def __init__(self, members: Sequence[InteractiveUNet]) -> None:
        super().__init__()
        if not members:
            raise ValueError("an ensemble needs a network")
        if len({member.guidance == "geodesic" for member in members}) > 1:
            raise ValueError("an ensemble sees geodesic distances or it does not")
        self.members = nn.ModuleList(members)
        #: Sides of the input must be multiples of this.
        self.multiple = max(member.multiple for member in members)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (batch, 1, x, y, z) of the physical channels (batch, CHANNELS, x, y, z)."""
        return torch.stack([member(inputs) for member in self.members]).mean(dim=0)


def storable(network: Ensemble) -> dict[str, Any]:
    """What ``torch.save`` is given: plain containers and tensors on the CPU."""
    return {
        "members": [
            {
                "widths": list(member.widths),
                "guidance": member.guidance,
                "weights": {k: v.detach().cpu() for k, v in member.state_dict().items()},
            }
            for member in network.members
            if isinstance(member, InteractiveUNet)
        ]
    }


def restore(stored: dict[str, Any]) -> Ensemble:
    """The network that ``storable`` described.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: it is something else.
    """
    members = []
    for entry in stored["members"]:
        member = InteractiveUNet(entry["widths"], entry["guidance"])
        member.load_state_dict(entry["weights"])
        members.append(member)
    return Ensemble(members)
