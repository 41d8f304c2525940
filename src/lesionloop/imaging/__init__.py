"""Grids, volumes and studies: reading, writing, geometry and SUV."""

from lesionloop.imaging.files import (
    read_label,
    read_label_pair,
    read_study,
    read_volume,
    write_mask,
    write_volume,
)
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.study import Provenance, Study, assemble_study
from lesionloop.imaging.volume import Quantity, Volume, require_same_grid

__all__ = [
    "Grid",
    "Provenance",
    "Quantity",
    "Study",
    "Volume",
    "assemble_study",
    "read_label",
    "read_label_pair",
    "read_study",
    "read_volume",
    "require_same_grid",
    "write_mask",
    "write_volume",
]
