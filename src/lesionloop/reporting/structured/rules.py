"""Rules by which the uptake of an organ is called normal, increased, decreased or absent: data."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any, Final

from lesionloop.errors import InputError
from lesionloop.reporting.structured.model import REGIONS

__all__ = ["Interval", "OrganRule", "Rules", "read_rules"]

_MAX_BYTES: Final = 1 << 20
_KINDS: Final = ("tissue", "physiologic")
_REFERENCES: Final = ("liver", "blood_pool")
_BOUNDS: Final = ("absent_below", "low", "high")


@dataclass(frozen=True)
class Interval:
    """What is expected of an organ's SUVmean for a tracer, as a multiple of the reference's.

    Args:
        reference: "liver" or "blood_pool".
        kind: "physiologic" where a tracer gathers or is excreted, else "tissue".
        source: where the numbers come from.
        absent_below, low, high: bounds; None: there is none. Normal is from ``low`` to ``high``,
            both included.
    """

    reference: str
    kind: str
    source: str
    absent_below: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class OrganRule:
    """An organ of the report.

    Args:
        organ: its name in the templates.
        region: one of :data:`REGIONS`.
        names: what it may be called in ``organs.csv`` as a whole, the first that is there counts.
        parts: patterns of its parts, used when there is no whole.
        tracers: tracer to what is expected.
    """

    organ: str
    region: str
    names: tuple[str, ...]
    parts: tuple[str, ...]
    tracers: Mapping[str, Interval]

    def holds(self, name: str) -> bool:
        """Whether an organ of a map is this one or a part of it."""
        return name in self.names or any(fnmatchcase(name, part) for part in self.parts)


@dataclass(frozen=True)
class Rules:
    """All rules.

    Args:
        name: for the report.
        organs: in the order of the report.
    """

    name: str
    organs: tuple[OrganRule, ...]

    def organ_of(self, name: str) -> OrganRule | None:
        """The organ of the report that an organ of a map belongs to."""
        return next((rule for rule in self.organs if rule.holds(name)), None)


def read_rules(path: Path | str | None = None) -> Rules:
    """Read rules.

    Args:
        path: TOML file in the form of ``rules.toml``; None: that file.

    Raises:
        InputError: it cannot be read or an entry makes no sense.
    """
    if path is None:
        built_in = files("lesionloop.reporting.structured").joinpath("rules.toml")
        return _rules("the built-in rules", built_in.read_text(encoding="utf-8"))
    try:
        if Path(path).stat().st_size > _MAX_BYTES:
            raise InputError(f"the rules {path} are too large", cause="The most is 1 MiB.")
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the rules {path}",
            cause=f"{getattr(error, 'strerror', None) or error}.",
            remedy="Give a TOML file.",
        ) from error
    return _rules(str(path), text)


def _rules(where: str, text: str) -> Rules:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refusal(where, f"It is not TOML: {error}.") from error
    entries = content.get("organ")
    if not isinstance(content.get("name"), str) or not isinstance(entries, list) or not entries:
        raise _refusal(where, "It lacks a name or an [[organ]].")
    organs = tuple(_organ(where, entry) for entry in entries)
    if len({rule.organ for rule in organs}) != len(organs):
        raise _refusal(where, "An organ stands there twice.")
    return Rules(content["name"], organs)


def _organ(where: str, entry: Any) -> OrganRule:
    organ = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(organ, str) or not organ:
        raise _refusal(where, "An [[organ]] has no id.")
    if entry.get("region") not in REGIONS:
        raise _refusal(where, f"The region of {organ} is none of {', '.join(REGIONS)}.")
    lists = [entry.get(key, []) for key in ("names", "parts")]
    if not all(isinstance(held, list) for held in lists) or not all(
        isinstance(word, str) for held in lists for word in held
    ):
        raise _refusal(where, f"names and parts of {organ} are lists of words.")
    if not any(lists):
        raise _refusal(where, f"{organ} has neither names nor parts.")
    tracers = {
        name: _interval(where, f"{organ}, {name}", value)
        for name, value in entry.items()
        if name not in ("id", "region", "names", "parts")
    }
    return OrganRule(organ, entry["region"], tuple(lists[0]), tuple(lists[1]), tracers)


def _interval(where: str, what: str, value: Any) -> Interval:
    if not isinstance(value, dict) or set(value) - {"reference", "kind", "source", *_BOUNDS}:
        raise _refusal(where, f"{what} is no table of reference, kind, source and bounds.")
    if value.get("reference") not in _REFERENCES or value.get("kind") not in _KINDS:
        raise _refusal(
            where, f"{what}: reference is liver or blood_pool, kind {' or '.join(_KINDS)}."
        )
    if not isinstance(value.get("source"), str) or not value["source"].strip():
        raise _refusal(where, f"{what} names no source.")
    bounds: dict[str, float | None] = {}
    for key in _BOUNDS:
        bound = value.get(key)
        if isinstance(bound, bool) or not isinstance(bound, int | float | None):
            raise _refusal(where, f"{what}: {key} is no number.")
        bounds[key] = None if bound is None else float(bound)
    given = [bound for bound in bounds.values() if bound is not None]
    if given != sorted(given) or not all(isfinite(b) and b >= 0 for b in given):
        raise _refusal(where, f"{what}: bounds rise from 0: absent_below, low, high.")
    return Interval(value["reference"], value["kind"], value["source"], **bounds)


def _refusal(where: str, cause: str) -> InputError:
    return InputError(
        f"{where} cannot be used", cause=cause, remedy="See docs/reports.md for the form of rules."
    )
