"""Errors that a user can act on: what failed and where, why, and the way out.

The command line prints them without a traceback and exits with 2; a server answers 4xx with the
same text. Any other exception is a fault of ours.
"""

__all__ = ["GatewayError", "InputError", "LesionLoopError", "OutputError"]


class LesionLoopError(Exception):
    """What failed and where (one line), the cause, and what the user can do about it.

    Args:
        what: one line that names the file, series or argument.
        cause: why, in the terms of the standard or format concerned.
        remedy: the way out.
    """

    def __init__(self, what: str, *, cause: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes send errors to their parent by pickle; keyword arguments must survive.
        return (_rebuild, (type(self), self.what, self.cause, self.remedy))

    def __str__(self) -> str:
        return "\n  ".join(line for line in (self.what, self.cause, self.remedy) if line)


def _rebuild(
    kind: type[LesionLoopError], what: str, cause: str | None, remedy: str | None
) -> LesionLoopError:
    return kind(what, cause=cause, remedy=remedy)


class InputError(LesionLoopError, ValueError):
    """An input (file, series, argument) is missing, damaged, or means something impossible."""


class OutputError(LesionLoopError):
    """An output could not be written."""


class GatewayError(LesionLoopError):
    """Another server, such as a PACS, does not answer, refuses, or answers with nonsense."""
