"""Nuclides and tracers by name and code."""

from collections.abc import Callable

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from lesionloop.imaging.dicom.tracers import NUCLIDES, find_nuclide, find_tracer


def agent(name: str, code: str = "", meaning: str = "") -> Dataset:
    item = Dataset()
    item.Radiopharmaceutical = name
    if code or meaning:
        coded = Dataset()
        coded.CodeValue, coded.CodeMeaning = code, meaning
        item.RadiopharmaceuticalCodeSequence = Sequence([coded])
    return item


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("^18^Fluorine", "F-18"),
        ("18F", "F-18"),
        ("F-18", "F-18"),
        ("Fluorine 18", "F-18"),
        ("^68^Gallium", "Ga-68"),
        ("Ga-68 PSMA-11", "Ga-68"),
        ("[18F]PSMA-1007", "F-18"),
        ("68Ga-PSMA-11", "Ga-68"),
        ("11C Choline", "C-11"),
        ("^89^Zirconium", "Zr-89"),
        ("O-15 water", "O-15"),
    ],
)
def test_nuclide_by_label(label: str, name: str) -> None:
    nuclide, called = find_nuclide(agent(label))
    assert nuclide is not None
    assert nuclide.name == called == name


def test_nuclide_by_code() -> None:
    for nuclide in NUCLIDES:
        for code in nuclide.codes:
            item, coded = Dataset(), Dataset()
            coded.CodeValue = code
            item.RadionuclideCodeSequence = Sequence([coded])
            assert find_nuclide(item)[0] == nuclide


def test_unknown_nuclide_keeps_its_name() -> None:
    item, coded = Dataset(), Dataset()
    coded.CodeValue, coded.CodeMeaning = "126606", "^152^Terbium"
    item.RadionuclideCodeSequence = Sequence([coded])
    assert find_nuclide(item) == (None, "^152^Terbium")
    assert find_nuclide(Dataset()) == (None, "")


@pytest.mark.parametrize(
    ("item", "tracer"),
    [
        (agent("FDG -- fluorodeoxyglucose"), "fdg"),
        (agent("F18-FDG"), "fdg"),
        (agent("Solution", "35321007"), "fdg"),
        (agent("PSMA-1007"), "psma"),
        (agent("Solution", "", "Ga-68 PSMA-11"), "psma"),
        (agent("Pylarify"), "psma"),
        (agent("Solution", "C116352", "x"), "psma"),
        (agent("DCFPyL"), "psma"),
        (agent("Choline"), None),
        (agent("FDG", "126758", "PSMA-1007"), None),
    ],
)
def test_tracer(item: Dataset, tracer: str | None) -> None:
    header = Dataset()
    header.RadiopharmaceuticalInformationSequence = Sequence([item])
    assert find_tracer(header) == tracer


def test_tracer_of_an_empty_header(fdg: Callable[..., Dataset]) -> None:
    assert find_tracer(Dataset()) is None
