"""The interactive loop: a reader looks at a mask, scribbles, and looks again."""

from lesionloop.interaction.loop import run_loop
from lesionloop.interaction.readers import Reader, RecordedReader, SimulatedReader
from lesionloop.interaction.trace import Trace, TraceStep

__all__ = ["Reader", "RecordedReader", "SimulatedReader", "Trace", "TraceStep", "run_loop"]
