"""Pictures and reports of what the loop did."""

from lesionloop.reporting.loop_records import CaseReport, StepRow
from lesionloop.reporting.loop_report import write_loop_report
from lesionloop.reporting.mip import DrawnScribble, mip_picture, png_bytes
from lesionloop.reporting.projection import Plane

__all__ = [
    "CaseReport",
    "DrawnScribble",
    "Plane",
    "StepRow",
    "mip_picture",
    "png_bytes",
    "write_loop_report",
]
