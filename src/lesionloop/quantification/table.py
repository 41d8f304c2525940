"""Lesions as a table: one row each, units in the header."""

import csv
import io
from collections.abc import Sequence

from lesionloop.quantification.measures import LesionMeasures

__all__ = ["LESION_COLUMNS", "lesions_csv"]

#: Header of the table. SUV by body weight in g/ml, TLG in g; voxels count from 0; LPS mm.
LESION_COLUMNS = (
    "lesion",
    "volume_ml",
    "suv_max_g_per_ml",
    "suv_mean_g_per_ml",
    "suv_peak_g_per_ml",
    "tlg_g",
    "max_x_voxel",
    "max_y_voxel",
    "max_z_voxel",
    "centroid_x_mm",
    "centroid_y_mm",
    "centroid_z_mm",
)


def lesions_csv(measures: Sequence[LesionMeasures]) -> str:
    """The lesions as CSV (RFC 4180), a row each under :data:`LESION_COLUMNS`.

    Numbers have as many digits as it takes to read the same number back.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(LESION_COLUMNS)
    for lesion in measures:
        numbers = (
            lesion.volume_ml,
            lesion.suv_max,
            lesion.suv_mean,
            lesion.suv_peak,
            lesion.tlg,
        )
        writer.writerow(
            [
                lesion.number,
                *(repr(value) for value in numbers),
                *lesion.at,
                *(repr(value) for value in lesion.centroid_mm),
            ]
        )
    return text.getvalue()
