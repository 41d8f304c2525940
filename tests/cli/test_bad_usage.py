"""Names, options and combinations that do not exist."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
Refused = Callable[..., str]


@pytest.fixture
def places(files: Any, small: Any, tmp_path: Path) -> dict[str, Path]:
    return {
        "PET": files.pet,
        "CT": files.ct,
        "LABEL": files.label,
        "MASK": files.mask,
        "DATASET": small.dataset(tmp_path / "dataset"),
        "INPUT": small.challenge(tmp_path / "input"),
        "DIR": tmp_path / "in",
        "OUT": tmp_path / "out",
    }


def _arguments(line: str, places: dict[str, Path]) -> list[object]:
    """Words of a command line; those in capitals stand for files."""
    words: list[object] = []
    for word in line.split():
        head, slash, tail = word.partition("/")
        place = places.get(head)
        words.append(word if place is None else place / tail if slash else place)
    return words


REFUSED = {
    "segment --pet PET --out OUT/m.mha --segmenter nonesuch": (
        "'nonesuch'", "default, propagate, threshold",
    ),
    "evaluate DATASET --out OUT --segmenter nonesuch": ("'nonesuch'", "propagate"),
    "grand-challenge --input INPUT --output OUT --segmenter nonesuch": ("'nonesuch'", "propagate"),
    "demo --out OUT --segmenter nonesuch": ("'nonesuch'", "propagate"),
    "segment --pet PET --out OUT/m.mha -o nonesuch=1": ("'nonesuch'", "reach_mm"),
    "evaluate DATASET --out OUT -o nonesuch=1": ("'nonesuch'", "reach_mm"),
    "segment --pet PET --out OUT/m.mha -o level_suv": ("level_suv", "NAME=VALUE"),
    "segment --pet PET --out OUT/m.mha -o =3": ("=3", "NAME=VALUE"),
    "segment --pet PET --out OUT/m.mha --segmenter threshold -o method=nonesuch": (
        "'nonesuch'", "fixed, percent, liver",
    ),
    "segment --pet PET --out OUT/m.mha --tracer nonesuch": ("'nonesuch'", "fdg, psma"),
    "demo --out OUT --tracer nonesuch": ("'nonesuch'", "fdg or psma"),
    "demo --out OUT --seed -1": ("-1",),
    "evaluate DATASET --out OUT --strategy nonesuch": ("'nonesuch'", "centerline"),
    "evaluate DATASET --out OUT --mode nonesuch": ("'nonesuch'", "protocol or reference"),
    "simulate --reference LABEL --strategy nonesuch --out OUT/c.json": ("'nonesuch'", "boundary"),
    "simulate --reference DIR --strategy nonesuch --out OUT": ("'nonesuch'", "boundary"),
    "simulate --reference LABEL --prediction MASK --strategy nonesuch --out OUT/c.json": (
        "'nonesuch'", "boundary",
    ),
    "simulate --reference DATASET/labelsTr --strategy random --workers 0 --out OUT": (
        "--workers", "0",
    ),
    "simulate --reference DIR --prediction MASK --strategy random --out OUT/c.json": (
        "--prediction",
    ),
    "simulate --reference LABEL --prediction MASK --strategy random --heat-maps --out OUT/c.json": (
        "--heat-maps",
    ),
    "segment --out OUT/m.mha": ("--pet", "--dicom"),
    "segment --pet PET --dicom DIR --out OUT/m.mha": ("--pet", "--dicom"),
    "segment --ct CT --dicom DIR --out OUT/m.mha": ("--ct", "--ct-series"),
    "segment --pet PET --weight-kg 70 --out OUT/m.mha": ("--weight-kg", "--dicom"),
    "segment --pet PET --pet-series 3 --out OUT/m.mha": ("--pet-series", "--dicom"),
    "score --prediction MASK --reference DATASET/labelsTr": ("a folder", "a file"),
    "score --prediction DIR --reference LABEL": ("a folder", "a file"),
    "convert DATASET DATASET": ("itself",),
    "convert DATASET OUT --weight-kg 70": ("--weight-kg", "DICOM"),
    "convert DATASET OUT --each": ("--each", "DICOM"),
}  # fmt: skip


@pytest.mark.parametrize("line", REFUSED)
def test_what_does_not_exist_is_refused_with_what_does(
    refused: Refused, places: dict[str, Path], line: str
) -> None:
    refused(*_arguments(line, places), says=REFUSED[line])


USAGE = {
    "nonesuch": "No such command 'nonesuch'",
    "segment --nonesuch": "No such option: --nonesuch",
    "segment --pet PET": "Missing option '--out'",
    "simulate --reference LABEL --out OUT/c.json": "Missing option '--strategy'",
    "convert DATASET": "Missing argument",
    "evaluate DATASET --out OUT --steps many": "--steps",
    "evaluate DATASET --out OUT --workers 1.5": "--workers",
    "segment --pet PET --out OUT/m.mha --weight-kg heavy": "--weight-kg",
    "score --prediction MASK --reference LABEL more": "more",
}


@pytest.mark.parametrize("line", USAGE)
def test_wrong_usage_is_told_in_a_box(
    cli: Cli, places: dict[str, Path], line: str, tmp_path: Path
) -> None:
    outcome = cli(*_arguments(line, places))
    assert outcome.code == 2
    assert outcome.out == ""
    assert USAGE[line] in outcome.err
    assert outcome.err.startswith("Usage: lesionloop")
    assert outcome.err.count("Error") == 1
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out").exists()


def test_numbers_out_of_range(refused: Refused, places: dict[str, Path]) -> None:
    """These messages need no way out beside the range."""
    for line in (
        "evaluate DATASET --out OUT --steps -1",
        "evaluate DATASET --out OUT --workers 0",
        "segment --pet PET --out OUT/m.mha --segmenter threshold -o level_suv=many",
        "segment --pet PET --out OUT/m.mha --segmenter threshold -o level_suv=[1]",
        "segment --pet PET --out OUT/m.mha --segmenter threshold -o level_suv=NaN",
        "evaluate DATASET --out OUT --segmenter threshold -o level_suv=-3",
        "simulate --reference LABEL --strategy random --components 0 --out OUT/c.json",
    ):
        refused(*_arguments(line, places), one_line=True)


def test_two_images_of_one_name_are_refused(
    refused: Refused, files: Any, small: Any, tmp_path: Path
) -> None:
    folder = files.mask.parent
    small.write(folder / f"{small.name}.mha", small.label())
    arguments = ("score", "--prediction", folder, "--reference", folder)
    refused(*arguments, says=(folder, small.name, ".mha"))
    drawing = ("simulate", "--reference", folder, "--strategy", "random", "--out", tmp_path / "o")
    refused(*drawing, says=(folder, small.name, ".mha"))


def test_references_without_predictions_are_refused(
    refused: Refused, small: Any, tmp_path: Path
) -> None:
    dataset = small.dataset(tmp_path / "dataset", "a", "b", "c")
    some = tmp_path / "some"
    small.write(some / "b.nii.gz", small.mask())
    empty = tmp_path / "empty"
    empty.mkdir()
    labels = dataset / "labelsTr"
    refused(
        "score", "--prediction", some, "--reference", labels, says=("2 of 3", "first is a", some)
    )
    refused("score", "--prediction", labels, "--reference", empty, says=(empty, "no reference"))


@pytest.mark.parametrize(
    ("remove", "says"),
    [
        ("imagesTr/a_0001.nii.gz", ("case a has no PET",)),
        ("labelsTr/a.nii.gz", ("1 of 2 cases have no label", "first is a")),
        ("imagesTr", ("imagesTr",)),
    ],
)
def test_data_sets_that_lack_something(
    refused: Refused, small: Any, tmp_path: Path, remove: str, says: tuple[str, ...]
) -> None:
    dataset = small.dataset(tmp_path / "dataset", "a", "b")
    target = dataset / remove
    target.rename(tmp_path / "moved away")
    refused("evaluate", dataset, "--out", tmp_path / "out", says=says)


def test_a_challenge_folder_with_two_images(refused: Refused, small: Any, tmp_path: Path) -> None:
    challenge = small.challenge(tmp_path / "input")
    small.write(challenge / "images" / "pet" / "second.mha", small.pet())
    arguments = ("grand-challenge", "--input", challenge, "--output", tmp_path / "out")
    refused(*arguments, says=(challenge / "images" / "pet",))
