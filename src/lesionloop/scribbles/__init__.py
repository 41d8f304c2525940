"""Scribbles: what readers draw, as records, as files, simulated, and as guidance maps."""

from lesionloop.scribbles.guidance import (
    distance_map,
    gaussian_map,
    geodesic_distance,
    voxel_map,
)
from lesionloop.scribbles.scribble import Label, Scribble, ScribbleSet
from lesionloop.scribbles.simulate import ErrorScribbles, error_scribbles, simulate_scribble
from lesionloop.scribbles.strategies import STRATEGIES
from lesionloop.scribbles.training import heat_maps, training_scribbles

__all__ = [
    "STRATEGIES",
    "ErrorScribbles",
    "Label",
    "Scribble",
    "ScribbleSet",
    "distance_map",
    "error_scribbles",
    "gaussian_map",
    "geodesic_distance",
    "heat_maps",
    "simulate_scribble",
    "training_scribbles",
    "voxel_map",
]
