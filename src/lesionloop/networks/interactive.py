"""What every interactive network is, whatever computes its logits."""

from torch import nn

__all__ = ["InteractiveNetwork"]


class InteractiveNetwork(nn.Module):
    """Logits of lesion (batch, 1, x, y, z) from the physical channels (batch, CHANNELS, x, y, z).

    The attributes say all that is needed to build it anew before its weights are loaded.
    """

    #: One of `networks.baselines.ARCHITECTURES`.
    architecture: str
    #: Distance maps that it sees, one of `networks.unet.GUIDANCE`.
    guidance: str
    #: Channels per level.
    widths: tuple[int, ...]
    #: Sides of the input must be multiples of this.
    multiple: int
    #: What it says of a voxel does not depend on how much of the body it is shown. One that is not
    #: so is always shown windows of the size that it was trained on.
    any_size: bool
