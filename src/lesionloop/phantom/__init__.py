"""Synthetic PET/CT studies from a procedural body: organs, lesions, noise and their reference."""

from lesionloop.phantom.study import Phantom, make_phantom
from lesionloop.phantom.tissues import ORGANS

__all__ = ["ORGANS", "Phantom", "make_phantom"]
