"""Packages that an extra installs, imported when they are needed."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from typing import Any

from lesionloop.errors import InputError

__all__ = ["load_package", "quiet"]

logger = logging.getLogger(__name__)


def load_package(module: str, extra: str) -> Any:
    """The module of that name.

    Raises:
        InputError: it is not installed, or does not fit what is; names the extra that brings it.
    """
    try:
        with quiet():
            return import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(
            f"this needs {module.partition('.')[0]}",
            cause=f"{error}.",
            remedy=f"Install it: pip install 'lesionloop[{extra}]'.",
        ) from error
    except (ImportError, RuntimeError, OSError) as error:
        # A torchvision of another build than torch ends so, for one.
        raise InputError(
            f"{module.partition('.')[0]} is installed but cannot be loaded",
            cause=f"{error}".split("\n")[0],
            remedy="Install its parts in versions and builds (CPU or CUDA) that fit each other.",
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Send what a library prints to the log: standard output belongs to results."""
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            yield
    finally:
        for line in said.getvalue().splitlines():
            logger.debug("%s", line)
