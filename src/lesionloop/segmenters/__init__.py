"""Segmenters: from a study and its scribbles to a lesion mask."""

from lesionloop.segmenters.protocol import Segmenter, Session
from lesionloop.segmenters.registry import SEGMENTERS, load_segmenter

__all__ = ["SEGMENTERS", "Segmenter", "Session", "load_segmenter"]
