"""One label from several phases: alignment to one phase, STAPLE, and the rule of two phases.

Names load when used, so that the registration libraries come in only where they are needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lesionloop.fusion.alignment import Alignment
    from lesionloop.fusion.consensus import Staple, staple
    from lesionloop.fusion.fuse import Fused, FuseOptions, fuse_phases
    from lesionloop.fusion.liver_region import crop, liver_box
    from lesionloop.fusion.registration import align
    from lesionloop.fusion.support import Supported, supported_lesions

__all__ = [
    "Alignment",
    "FuseOptions",
    "Fused",
    "Staple",
    "Supported",
    "align",
    "crop",
    "fuse_phases",
    "liver_box",
    "staple",
    "supported_lesions",
]

_HOME = {
    "Alignment": "alignment",
    "FuseOptions": "fuse",
    "Fused": "fuse",
    "Staple": "consensus",
    "Supported": "support",
    "align": "registration",
    "crop": "liver_region",
    "fuse_phases": "fuse",
    "liver_box": "liver_region",
    "staple": "consensus",
    "supported_lesions": "support",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
