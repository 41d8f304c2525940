"""What the viewer refuses, by the HTTP status that says so.

All are user mistakes and carry what, cause and remedy; a plain `InputError` is answered with 422,
an `OutputError` (a full disk) with 507, a `GatewayError` (the PACS) and a `StepFailedError` (a
segmenter from outside) with 502.
"""

from lesionloop.errors import GatewayError, InputError, LesionLoopError, OutputError

__all__ = ["ConflictError", "MissingError", "StepFailedError", "TooLargeError", "status_of"]


class MissingError(InputError):
    """There is no such study, session or file: 404."""


class ConflictError(InputError):
    """It does not fit the state that the session is in: 409."""


class TooLargeError(InputError):
    """It is more than is taken: 413."""


class StepFailedError(LesionLoopError):
    """A segmenter from outside failed; what the reader did is recorded: 502."""


def status_of(error: LesionLoopError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, OutputError):
        return 507
    if isinstance(error, GatewayError | StepFailedError):
        return 502
    if isinstance(error, MissingError):
        return 404
    if isinstance(error, TooLargeError):
        return 413
    return 409 if isinstance(error, ConflictError) else 422
