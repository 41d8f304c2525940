"""SegAnyPET: a 3D promptable network for PET; torch modules only, no files.

The image is encoded once; every click costs a prompt encoder and a light decoder. Written from the
description in arXiv 2502.14351 and arXiv 2603.11627; its parts are those of SAM (Kirillov et al.,
ICCV 2023, Apache-2.0) in three dimensions, as in SAM-Med3D (arXiv 2310.15161, Apache-2.0).
"""

from lesionloop.networks.seganypet.config import SegAnyPETConfig
from lesionloop.networks.seganypet.crop import normalise_crop
from lesionloop.networks.seganypet.extended import extended
from lesionloop.networks.seganypet.model import Embedding, SegAnyPET
from lesionloop.networks.seganypet.published import load_published, published_names

__all__ = [
    "Embedding", "SegAnyPET", "SegAnyPETConfig", "extended", "load_published",
    "normalise_crop", "published_names",
]  # fmt: skip
