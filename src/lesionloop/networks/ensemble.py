"""Several networks that speak as one, and how networks are stored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lesionloop.errors import InputError
from lesionloop.networks.baselines import build
from lesionloop.networks.interactive import InteractiveNetwork

__all__ = ["Ensemble", "read_network", "restore", "storable"]


class Ensemble(nn.Module):
    """The mean of the logits of one network or more.

    Networks that were trained on other mixtures of data err in other places.

    Args:
        members: the networks.

    Raises:
        ValueError: there is none, or they do not agree on the guidance that they see.
    """

    def __init__(self, members: Sequence[InteractiveNetwork]) -> None:
        super().__init__()
        if not members:
            raise ValueError("an ensemble needs a network")
        if len({member.guidance == "geodesic" for member in members}) > 1:
            raise ValueError("an ensemble sees geodesic distances or it does not")
        self.members = nn.ModuleList(members)
        #: Sides of the input must be multiples of this.
        self.multiple = max(member.multiple for member in members)
        #: See `InteractiveNetwork`.
        self.any_size = all(member.any_size for member in members)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (batch, 1, x, y, z) of the physical channels (batch, CHANNELS, x, y, z)."""
        return torch.stack([member(inputs) for member in self.members]).mean(dim=0)


def storable(network: Ensemble) -> dict[str, Any]:
    """What ``torch.save`` is given: plain containers and tensors on the CPU."""
    return {
        "members": [
            {
                "architecture": member.architecture,
                "widths": list(member.widths),
                "guidance": member.guidance,
                "weights": {k: v.detach().cpu() for k, v in member.state_dict().items()},
            }
            for member in network.members
            if isinstance(member, InteractiveNetwork)
        ]
    }


def restore(stored: dict[str, Any]) -> Ensemble:
    """The network that ``storable`` described.

    Raises:
        InputError: it needs a package that is not installed.
        AttributeError, KeyError, TypeError, ValueError, RuntimeError: it is something else.
    """
    members = []
    for entry in stored["members"]:
        # Files from before there was a choice do not name the architecture.
        architecture = entry.get("architecture", "compact")
        member = build(architecture, entry["widths"], entry["guidance"])
        member.load_state_dict(entry["weights"])
        members.append(member)
    return Ensemble(members)


def read_network(path: Path) -> Ensemble:
    """The network of a file that holds what ``storable`` gave, on the CPU.

    Raises:
        InputError: it cannot be read, is something else, or needs a package that is not installed.
    """
    try:
        return restore(torch.load(path, map_location="cpu", weights_only=True))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path}", cause=f"{error.strerror or error}.") from error
    except Exception as error:  # unpickling and loading raise classes of many kinds
        raise InputError(f"{path} is not a network", cause=f"{error}".split("\n")[0]) from error
