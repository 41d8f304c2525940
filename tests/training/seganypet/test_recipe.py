"""Recipes of this method: those that ship, and those with mistakes."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from lesionloop.errors import InputError  # noqa: E402
from lesionloop.training.seganypet.confident import Confident  # noqa: E402
from lesionloop.training.seganypet.recipe import Options, PointRecipe, is_point_recipe  # noqa: E402

RECIPES = Path(__file__).parents[3] / "recipes"

TEXT = """
method = "seganypet"
steps = 20
%s
[[data]]
kind = "studies"
folder = "set"
%s
"""


def recipe(folder: Path, entry: str = "", data: str = "") -> PointRecipe:
    path = folder / "recipe.toml"
    path.write_text(TEXT % (entry, data))
    return PointRecipe.read(path)


@pytest.mark.parametrize(
    "path", sorted(RECIPES.glob("seganypet*.toml")), ids=lambda path: path.stem
)
def test_recipes_that_ship_can_be_read(path: Path) -> None:
    plan = PointRecipe.read(path)
    assert is_point_recipe(path)
    assert plan.data
    assert not is_point_recipe(RECIPES / "default.toml")


def test_folders_are_beside_the_recipe_and_tables_are_read(tmp_path: Path) -> None:
    plan = recipe(
        tmp_path,
        'start = "w.pt"\nmilestones = [5, 9]\nclicks = [2, 4]',
        'noisy = true\n[confident]\nchange = "flip"\n[options]\nct = true',
    )
    assert plan.options == Options(ct=True)
    assert plan.start == str(tmp_path / "w.pt")
    assert plan.data[0].folder == str(tmp_path / "set")
    assert plan.data[0].noisy
    assert plan.confident == Confident("flip")
    assert plan.milestones == (5, 9)
    assert plan.clicks == (2, 4)


@pytest.mark.parametrize(
    ("entry", "data", "match"),
    [
        ("step = 3", "", "no entry 'step'"),
        ('click_rule = "best"', "", "click_rule is 'best'"),
        ('history = "some"', "", "history is 'some'"),
        ("batch = 3\nmicro_batch = 2", "", "batch is out of range"),
        ("clicks = [0, 3]", "", "clicks is out of range"),
        ("clicks = [3]", "", "clicks is out of range"),
        ("milestones = [9, 5]", "", "milestones is out of range"),
        ("milestones = [20]", "", "milestones is out of range"),
        ("smallest_ml = -1", "", "smallest_ml is out of range"),
        ("strokes = 1.5", "", "strokes is out of range"),
        ("", "[options]\nfine = true", "no entry 'fine'"),
        ("", "[options]\nfiner = 2", "wrong kind of value"),
        ("synthetic = true", "", "wrong kind of value"),
        ("", 'noisy = "yes"', "wrong kind of value"),
        ("", '[confident]\nchange = "vote"', "confident is out of range"),
        ("", "[confident]\nprompts = 1", "confident is out of range"),
        ("", "noisy = true\n[confident]\nwarm_up = 5", "confident is out of range"),
    ],
)
def test_recipes_with_mistakes_are_refused(
    tmp_path: Path, entry: str, data: str, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        recipe(tmp_path, entry, data)
