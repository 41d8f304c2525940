"""Which nuclide and which tracer a header names.

Half-lives serve as a check on the header, never as a stand-in for a missing one.
"""

import re
from dataclasses import dataclass

from pydicom import Dataset

from lesionloop.imaging.dicom.header import code_items, items, text

__all__ = ["NUCLIDES", "Nuclide", "find_nuclide", "find_tracer"]


@dataclass(frozen=True)
class Nuclide:
    """A positron emitter.

    Args:
        name: symbol and mass number, e.g. "F-18".
        half_life_s: s, evaluated nuclear data (NNDC, Decay Data Evaluation Project).
        codes: SRT and SNOMED CT codes of DICOM PS3.16 CID 4020.
        element: English name of the element.
    """

    name: str
    half_life_s: float
    codes: tuple[str, ...]
    element: str


NUCLIDES = (
    Nuclide("F-18", 6586.2, ("C-111A1", "77004003"), "fluorine"),
    Nuclide("Ga-68", 4062.6, ("C-131A3", "35337001"), "gallium"),
    Nuclide("C-11", 1221.8, ("C-105A1", "40565003"), "carbon"),
    Nuclide("N-13", 597.9, ("C-107A1", "21576001"), "nitrogen"),
    Nuclide("O-15", 122.3, ("C-B1038", "129504001"), "oxygen"),
    Nuclide("Rb-82", 75.5, ("C-159A2", "79197006"), "rubidium"),
    Nuclide("Cu-64", 45723.6, ("C-127A2", "3932008"), "copper"),
    Nuclide("Zr-89", 282276.0, ("C-168A4", "63360001"), "zirconium"),
    Nuclide("I-124", 360806.0, ("C-114A5", "40937006"), "iodine"),
    Nuclide("Y-86", 53064.0, ("C-162A3", "10738001"), "yttrium"),
)

#: SNOMED CT, NCI Thesaurus and SRT codes of CID 4021.
_TRACER_CODES = {
    "35321007": "fdg",
    "C-B1031": "fdg",
    "126758": "psma",  # PSMA-1007 F-18
    "C118961": "psma",  # PSMA-11 Ga-68
    "126759": "psma",  # PSMA-617 Ga-68
    "C116352": "psma",  # piflufolastat F-18
}
_TRACER_WORDS = (
    (
        re.compile(r"psma|dcfpyl|piflufolastat|flotufolastat|pylarify|illuccix|gozetotide", re.I),
        "psma",
    ),
    (re.compile(r"(?<![a-z])f?fdg(?![a-z])|fluoro-?2?-?deoxy-?(d-?)?glucose", re.I), "fdg"),
)


def find_nuclide(radiopharmaceutical: Dataset) -> tuple[Nuclide | None, str]:
    """The nuclide of an item of the Radiopharmaceutical Information Sequence, and its name.

    Returns:
        The nuclide, None when not known here; and what the header calls it, empty when it says
        nothing.
    """
    told = code_items(radiopharmaceutical, "RadionuclideCodeSequence")
    for code, meaning in told:
        for nuclide in NUCLIDES:
            if code in nuclide.codes or _names(meaning, nuclide):
                return nuclide, nuclide.name
    for label in (meaning or code for code, meaning in told):
        if label:
            return None, label
    agent = text(radiopharmaceutical, "Radiopharmaceutical") or ""
    for nuclide in NUCLIDES:
        if _names(agent, nuclide):
            return nuclide, nuclide.name
    return None, ""


def find_tracer(header: Dataset) -> str | None:
    """ "fdg" or "psma" when the header says so clearly, else None."""
    found: set[str] = set()
    for item in items(header, "RadiopharmaceuticalInformationSequence"):
        labels = [text(item, "Radiopharmaceutical") or ""]
        for code, meaning in code_items(item, "RadiopharmaceuticalCodeSequence"):
            labels.append(meaning)
            if code in _TRACER_CODES:
                found.add(_TRACER_CODES[code])
        for label in labels:
            found.update(tracer for words, tracer in _TRACER_WORDS if words.search(label))
    return found.pop() if len(found) == 1 else None


def _names(label: str, nuclide: Nuclide) -> bool:
    """Whether a label such as ^18^Fluorine, F18, 18-F, [18F]FDG or Fluorine-18 means it."""
    symbol, mass = nuclide.name.split("-")
    folded = re.sub(r"[\^\[\]()]", " ", label)
    before = rf"(?<![a-z0-9])(?:{symbol}|{nuclide.element})[ -]*{mass}(?![0-9])"
    after = rf"(?<![0-9]){mass}[ -]*(?:{nuclide.element}|{symbol}(?![a-z]))"
    glued = rf"(?<![0-9]){mass}{symbol}(?=[A-Z])"  # 18FFDG, 68GaPSMA
    return bool(
        re.search(before, folded, re.IGNORECASE)
        or re.search(after, folded, re.IGNORECASE)
        or re.search(glued, folded)
    )
