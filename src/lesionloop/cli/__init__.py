"""The command line: one module per command, each a thin act of the library.

Exit codes: 0 done, 2 bad input or usage (one message, no traceback), 1 a fault of ours.
"""

from lesionloop.cli.main import main

__all__ = ["main"]
