"""The wording of reports: files of sentences with slots, one for each language."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from lesionloop.reporting.structured.model import REGIONS, STATES, Number, Sentence, Word

__all__ = ["LANGUAGES", "SLOTS", "Templates", "read_templates"]

LANGUAGES: Final = ("en", "zh")

_PER_ORGAN: Final = ("organ", "suv_mean", "reference", "ratio")
_WITH_LESIONS: Final = (*_PER_ORGAN, "lesions", "lesion_suv_max")

#: Key of a sentence to the slots that it has, in every language.
SLOTS: Final[Mapping[str, frozenset[str]]] = {
    key: frozenset(slots)
    for key, slots in {
        "technique": ("tracer", "organs_measured"),
        "reference_ok": ("reference", "mean", "sd", "volume"),
        "reference_not_ok": ("reference", "mean"),
        "organ_normal": _PER_ORGAN,
        "organ_physiologic": _PER_ORGAN,
        "organ_increased": _PER_ORGAN,
        "organ_decreased": _PER_ORGAN,
        "organ_absent": _PER_ORGAN,
        "organ_not_assessed": ("organ", "why", "suv_mean"),
        "lesions_increased": _WITH_LESIONS,
        "lesions_decreased": _WITH_LESIONS,
        "lesions_absent": _WITH_LESIONS,
        "lesions_not_assessed": ("organ", "why", "lesions", "lesion_suv_max"),
        "lesion": ("lesion", "location", "volume", "diameter", "suv_max", "suv_mean", "suv_peak",
                   "tlg"),
        "burden": ("lesions", "mtv", "tlg", "suv_max", "suv_peak"),
        "burden_none": ("lesions",),
        "spread": ("dmax",),
        "impression_increased": _PER_ORGAN,
        "impression_decreased": _PER_ORGAN,
        "impression_absent": _PER_ORGAN,
        "impression_lesions": ("organ", "lesions", "lesion_suv_max"),
        "impression_not_assessed": ("organs",),
    }.items()
}  # fmt: skip

_SLOT: Final = re.compile(r"\{(\w+)\}")
_SIDE: Final = re.compile(r"_(left|right)$")
_RIB: Final = re.compile(r"^rib_(left|right)_(\w+)$")
_VERTEBRA: Final = re.compile(r"^vertebrae_(\w+)$")


@dataclass(frozen=True)
class Templates:
    """The wording in one language.

    Args:
        language: "en" or "zh".
        list_mark: stands between the parts of a list.
        lists: name of a table of the file to its entries.
    """

    language: str
    list_mark: str
    lists: Mapping[str, Mapping[str, str]]

    def heading(self, name: str) -> str:
        """A heading."""
        return self.lists["headings"][name]

    def column(self, name: str) -> str:
        """The head of a column."""
        return self.lists["columns"][name]

    def state(self, name: str) -> str:
        """The word for a state."""
        return self.lists["states"][name]

    def text(self, sentence: Sentence) -> str:
        """A sentence in words, its first letter large."""
        numbers = {number.name: self.number(number) for number in sentence.numbers}
        fill = {slot: self.word(word) for slot, word in sentence.words.items()} | numbers
        template = self.lists["sentences"][sentence.key]
        written = _SLOT.sub(lambda match: fill[match[1]], template)
        return written[:1].upper() + written[1:]

    def number(self, number: Number) -> str:
        """A number with its unit, or "not assessed"."""
        if number.shown is None:
            return self.state("not_assessed")
        return number.shown + self.lists["units"][number.unit]

    def word(self, word: Word) -> str:
        """A word by its kind."""
        if word.kind in ("organ", "organs"):
            return self.list_mark.join(map(self.organ, word.names))
        (name,) = word.names
        if word.kind == "location":
            return self._location(name)
        known = self.lists[word.kind]
        return known.get(name, known.get("unknown", name))

    def organ(self, name: str) -> str:
        """An organ by its name in a map; a name that is not known stays as it is."""
        known, patterns = self.lists["organ"], self.lists["organ_patterns"]
        if name in known:
            return known[name]
        if rib := _RIB.match(name):
            return patterns["rib"].format(side=patterns[rib[1]], level=rib[2])
        if vertebra := _VERTEBRA.match(name):
            return patterns["vertebra"].format(level=vertebra[1])
        if side := _SIDE.search(name):
            return patterns["side"].format(
                side=patterns[side[1]], organ=self.organ(name[: side.start()])
            )
        return name.replace("_", " ")

    def _location(self, name: str) -> str:
        known = self.lists["location"]
        if name in known and name not in ("inside", "near"):
            return known[name]
        if name.startswith("near "):
            return known["near"].format(organ=self.organ(name.removeprefix("near ")))
        return known["inside"].format(organ=self.organ(name)) if name else known["unknown"]


@cache
def read_templates(language: str) -> Templates:
    """Read the wording of one of :data:`LANGUAGES`.

    Raises:
        ValueError: the file lacks a sentence or its slots are others.
    """
    folder = files("lesionloop.reporting.structured").joinpath("templates")
    content = tomllib.loads(folder.joinpath(f"{language}.toml").read_text(encoding="utf-8"))
    for key, slots in SLOTS.items():
        if set(_SLOT.findall(content["sentences"].get(key, ""))) != slots:
            raise ValueError(f"sentence {key} of {language}.toml does not have its slots")
    lists = {name: table for name, table in content.items() if isinstance(table, dict)}
    lacking = {*REGIONS} - {*lists["headings"]} | {*STATES} - {*lists["states"]}
    if lacking:
        raise ValueError(f"{language}.toml has no word for {', '.join(sorted(lacking))}")
    return Templates(content["language"], content["list_mark"], lists)
