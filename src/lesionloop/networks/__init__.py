"""Networks: torch modules only; needs the extra ``torch``.

They take raw physical quantities (SUV, HU, mm) and compress them inside, so that training, the
exported file and every runtime agree on the encoding by construction.
"""

from lesionloop.networks.channels import CHANNELS, NO_SCRIBBLE_MM

__all__ = ["CHANNELS", "NO_SCRIBBLE_MM"]
