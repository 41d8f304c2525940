"""Known networks, taken from MONAI, to measure the compact one against.

They see the same encoded channels and are trained by the same loop. All but the compact one need
the extra ``baselines``.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from torch import Tensor, nn

from lesionloop.errors import InputError
from lesionloop.networks.channels import CHANNELS
from lesionloop.networks.interactive import InteractiveNetwork
from lesionloop.networks.unet import ENCODED, GUIDANCE, RARE, InteractiveUNet, encode
from lesionloop.packages import load_package

__all__ = ["ARCHITECTURES", "Baseline", "build", "require_installed", "side_multiple", "widths_fit"]

ARCHITECTURES = ("compact", "dynunet", "segresnet", "swinunetr")

#: Levels that halve the resolution in the published SegResNet and SwinUNETR.
_HALVINGS = {"segresnet": 3, "swinunetr": 5}
#: SegResNet normalises groups of channels, SwinUNETR shares them out to 3 heads of attention and
#: to twice as many patches: the first width must be a multiple of this.
_FIRST_WIDTH = {"segresnet": 8, "swinunetr": 12}


def side_multiple(architecture: str, widths: Sequence[int]) -> int:
    """Sides of the input of a network must be multiples of this."""
    return int(2 ** _HALVINGS.get(architecture, max(len(widths) - 1, 0)))


def widths_fit(architecture: str, widths: Sequence[int]) -> bool:
    """Whether there is a network of these widths."""
    if not widths or min(widths) < 1:
        return False
    if architecture in _FIRST_WIDTH:
        return widths[0] % _FIRST_WIDTH[architecture] == 0
    return len(widths) >= (3 if architecture == "dynunet" else 2)


def require_installed(architecture: str) -> None:
    """See that what an architecture needs is installed, without the seconds that loading it takes.

    Raises:
        InputError: it is not; names the extra that brings it.
    """
    for module in () if architecture == "compact" else ("monai", "einops"):
        if find_spec(module) is None:
            raise InputError(
                f"architecture {architecture} needs {module}",
                remedy="Install it: pip install 'lesionloop[baselines]'.",
            )


def build(
    architecture: str, widths: Sequence[int] = (16, 32, 64, 128), guidance: str = "both"
) -> InteractiveNetwork:
    """A new network.

    Args:
        architecture: one of `ARCHITECTURES`.
        widths: channels per level; of "segresnet" and "swinunetr" the first alone counts, as they
            double it level by level.
        guidance: one of `networks.unet.GUIDANCE`.

    Raises:
        InputError: MONAI is not installed.
        ValueError: there is no such network.
    """
    if architecture == "compact":
        return InteractiveUNet(widths, guidance)
    return Baseline(architecture, widths, guidance)


class Baseline(InteractiveNetwork):
    """A network of MONAI behind the encoding of the compact one.

    - "dynunet": the U-Net of nnU-Net (Isensee et al. 2021), 3 x 3 x 3 kernels, instance
      normalisation, leaky ReLU. With residual blocks, as in nnU-Net's newer presets and in STU-Net
      (Huang et al. 2023), whose smaller models are so a matter of ``widths``. No deep supervision:
      the loss of the loop looks at one mask.
    - "segresnet": residual encoder, light decoder (Myronenko 2018).
    - "swinunetr": shifted windows of attention, convolutions in the decoder (Hatamizadeh et al.
      2022).

    Normalisation by the statistics of what is shown makes a voxel's logit depend on the size of
    the input, hence ``any_size`` is False.

    Args:
        architecture: one of these.
        widths: see `build`.
        guidance: one of `networks.unet.GUIDANCE`.

    Raises:
        InputError: MONAI is not installed.
        ValueError: there is no such network.
    """

    any_size = False

    def __init__(self, architecture: str, widths: Sequence[int], guidance: str = "both") -> None:
        super().__init__()
        if architecture not in ARCHITECTURES[1:]:
            raise ValueError(f"architecture must be one of {ARCHITECTURES}, not {architecture!r}")
        if guidance not in GUIDANCE:
            raise ValueError(f"guidance must be one of {GUIDANCE}, not {guidance!r}")
        if not widths_fit(architecture, widths):
            raise ValueError(f"there is no {architecture} of widths {tuple(widths)}")
        self.architecture = architecture
        self.guidance = guidance
        self.widths = tuple(widths)
        self.multiple = side_multiple(architecture, widths)
        require_installed(architecture)
        nets = load_package("monai.networks.nets", "baselines")
        self.network: nn.Module = _MAKERS[architecture](nets, self.widths)
        _start_from_rare(self.network)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (batch, 1, x, y, z) of the physical channels (batch, CHANNELS, x, y, z)."""
        if inputs.shape[1] != CHANNELS:
            raise ValueError(f"expected {CHANNELS} channels, got {inputs.shape[1]}")
        logits: Tensor = self.network(encode(inputs, self.guidance))
        return logits


def _dynunet(nets: Any, widths: tuple[int, ...]) -> nn.Module:
    halvings = [2] * (len(widths) - 1)
    network: nn.Module = nets.DynUNet(
        spatial_dims=3,
        in_channels=ENCODED,
        out_channels=1,
        kernel_size=[3] * len(widths),
        strides=[1, *halvings],
        upsample_kernel_size=halvings,
        filters=list(widths),
        res_block=True,
    )
    return network


def _segresnet(nets: Any, widths: tuple[int, ...]) -> nn.Module:
    network: nn.Module = nets.SegResNet(
        spatial_dims=3, in_channels=ENCODED, out_channels=1, init_filters=widths[0]
    )
    return network


def _swinunetr(nets: Any, widths: tuple[int, ...]) -> nn.Module:
    network: nn.Module = nets.SwinUNETR(in_channels=ENCODED, out_channels=1, feature_size=widths[0])
    return network


_MAKERS = {"dynunet": _dynunet, "segresnet": _segresnet, "swinunetr": _swinunetr}


def _start_from_rare(network: nn.Module) -> None:
    """Start from the belief that a voxel is no lesion, as the compact network does."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d) and module.out_channels == 1:
            nn.init.constant_(module.bias, RARE)  # type: ignore[arg-type]
