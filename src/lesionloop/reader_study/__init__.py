"""Reader studies: who reads which case when and with what help, and what came of it.

The protocol says it, the plan works it out from a seed, and the logs of the sessions give times and
masks that are compared. Nothing here knows the viewer: it asks, and hands its events over.
"""

from lesionloop.reader_study.plan import Reading, plan_readings
from lesionloop.reader_study.protocol import Protocol, read_protocol

__all__ = ["Protocol", "Reading", "plan_readings", "read_protocol"]
