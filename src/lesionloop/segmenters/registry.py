"""Segmenters by name; the module behind a name is imported when it is asked for."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from typing import Any

from lesionloop.errors import InputError
from lesionloop.segmenters.protocol import Segmenter

__all__ = ["PREFIXES", "SEGMENTERS", "Prefix", "load_segmenter"]

#: Name to "module:class".
SEGMENTERS = {
    "default": "lesionloop.segmenters.learned.segmenter:Learned",
    "propagate": "lesionloop.segmenters.propagate:Propagate",
    "threshold": "lesionloop.segmenters.threshold:Threshold",
}


@dataclass(frozen=True)
class Prefix:
    """A family of segmenters, named by what stands behind a colon.

    Args:
        place: "module:class".
        option: the option of the class that takes what stands behind the colon.
        example: how to write it.
    """

    place: str
    option: str
    example: str


_ADAPTERS = "lesionloop.segmenters.adapters"

#: What stands before the colon to what it means.
PREFIXES: Mapping[str, Prefix] = {
    "command": Prefix("lesionloop.segmenters.command:Command", "command", "command:PROGRAM"),
    "container": Prefix(f"{_ADAPTERS}.container:Container", "image", "container:IMAGE"),
    "nninteractive": Prefix(
        f"{_ADAPTERS}.nninteractive:NnInteractive", "model", "nninteractive:FOLDER or URL"
    ),
    "nnunet": Prefix(f"{_ADAPTERS}.nnunet:NnUNet", "folder", "nnunet:FOLDER"),
    "seganypet": Prefix(
        "lesionloop.segmenters.seganypet.segmenter:SegAnyPet", "weights", "seganypet:CHECKPOINT"
    ),
}


def load_segmenter(name: str = "default", **options: Any) -> Segmenter:
    """The segmenter registered under ``name``, with ``options`` (see its class).

    A name with a colon, such as ``nnunet:FOLDER``, is one of `PREFIXES`.

    Raises:
        InputError: unknown name or option, or a value out of range.
    """
    place = SEGMENTERS.get(name)
    head, colon, rest = name.partition(":")
    prefix = PREFIXES.get(head)
    if prefix is not None:
        place = prefix.place
        options = {**options, prefix.option: rest} if colon else options
    if place is None:
        examples = [known.example for known in PREFIXES.values()]
        raise InputError(
            f"unknown segmenter {name!r}",
            remedy=f"Use one of: {', '.join([*sorted(SEGMENTERS), *examples])}.",
        )
    module, _, attribute = place.partition(":")
    kind = getattr(import_module(module), attribute)
    known = {field.name: field.default for field in fields(kind) if field.init}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InputError(
            f"segmenter {name!r} has no option {unknown[0]!r}",
            remedy=f"Its options are: {', '.join(known) or 'none'}.",
        )
    missing = [option for option in known if known[option] is MISSING and option not in options]
    if missing and prefix is not None:
        raise InputError(
            f"segmenter {name!r} needs what stands behind a colon",
            remedy=f"Write {prefix.example}.",
        )
    segmenter: Segmenter = kind(**options)
    return segmenter
