"""``lesionloop grand-challenge`` as a command; the step itself is tested where it lives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import SimpleITK as sitk  # noqa: N813

Cli = Callable[..., Any]


def test_a_step_writes_one_mask_under_the_name_of_the_ct(
    cli: Cli, small: Any, tmp_path: Path
) -> None:
    challenge, out = small.challenge(tmp_path / "input"), tmp_path / "output"
    (challenge / "images" / "ct" / "case 1.mha").rename(challenge / "images" / "ct" / "x.y z.mha")
    clicks = challenge / "lesion-clicks.json"
    clicks.write_text(json.dumps({"tumor": [[5, 15, 3]], "background": [[12, 10, 9]]}))
    outcome = cli("grand-challenge", "--input", challenge, "--output", out)
    assert outcome.code == 0, outcome.err
    mask = out / "images" / "tumor-lesion-segmentation" / "x.y z.mha"
    assert outcome.out == f"{mask}\n"
    assert outcome.err.startswith("2 scribble points, ")
    assert [path for path in out.rglob("*") if path.is_file()] == [mask]
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(mask))).T
    assert (values[5, 15, 3], values[12, 10, 9]) == (1, 0)


def test_the_first_step_has_no_scribbles(cli: Cli, small: Any, tmp_path: Path) -> None:
    challenge = small.challenge(tmp_path / "input")
    outcome = cli("grand-challenge", "--input", challenge, "--output", tmp_path / "output")
    assert outcome.code == 0
    assert "0 scribble points" in outcome.err


def test_the_input_is_left_alone(cli: Cli, small: Any, tmp_path: Path) -> None:
    challenge = small.challenge(tmp_path / "input")
    before = {path: path.read_bytes() for path in challenge.rglob("*") if path.is_file()}
    assert cli("grand-challenge", "--input", challenge, "--output", tmp_path / "out").code == 0
    assert {path: path.read_bytes() for path in challenge.rglob("*") if path.is_file()} == before
