"""Segmenters by name; the module behind a name is imported when it is asked for."""

from dataclasses import fields
from importlib import import_module
from typing import Any

from lesionloop.errors import InputError
from lesionloop.segmenters.protocol import Segmenter

__all__ = ["SEGMENTERS", "load_segmenter"]

#: Name to "module:class".
SEGMENTERS = {
    "default": "lesionloop.segmenters.learned.segmenter:Learned",
    "propagate": "lesionloop.segmenters.propagate:Propagate",
    "threshold": "lesionloop.segmenters.threshold:Threshold",
}

_COMMAND = "command:"
_COMMAND_CLASS = "lesionloop.segmenters.command:Command"


def load_segmenter(name: str = "default", **options: Any) -> Segmenter:
    """The segmenter registered under ``name``, with ``options`` (see its class).

    ``command:PROGRAM ARGUMENTS`` is a command that works in the challenge's folder layout.

    Raises:
        InputError: unknown name or option, or a value out of range.
    """
    place = SEGMENTERS.get(name)
    if name.startswith(_COMMAND):
        place, options = _COMMAND_CLASS, {**options, "command": name.removeprefix(_COMMAND)}
    if place is None:
        raise InputError(
            f"unknown segmenter {name!r}",
            remedy=f"Use one of: {', '.join(sorted(SEGMENTERS))}, or command:PROGRAM.",
        )
    module, _, attribute = place.partition(":")
    kind = getattr(import_module(module), attribute)
    known = [field.name for field in fields(kind) if field.init]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InputError(
            f"segmenter {name!r} has no option {unknown[0]!r}",
            remedy=f"Its options are: {', '.join(known) or 'none'}.",
        )
    segmenter: Segmenter = kind(**options)
    return segmenter
