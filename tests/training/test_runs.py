"""Whole runs of a tiny network: the same seed, interruption, learning, the package."""

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from lesionloop.errors import InputError  # noqa: E402
from lesionloop.training.log import RunLog  # noqa: E402
from lesionloop.training.recipe import Recipe  # noqa: E402
from lesionloop.training.run import Progress  # noqa: E402
from lesionloop.training.sample import Sample, Source  # noqa: E402
from lesionloop.training.sources import open_sources, open_validation  # noqa: E402
from lesionloop.training.trainer import Trainer  # noqa: E402

TEXT = """
steps = 6
patch = 16
pool = 4
widths = [4, 8]
[[data]]
kind = "procedural"
count = 2
"""


class OneSample:
    """A source that knows one sample."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def draw(self, generator: Any) -> Sample:
        del generator
        return self.sample


def recipe(folder: Path, text: str = TEXT) -> Recipe:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.toml"
    path.write_text(text)
    return Recipe.read(path)


def train(plan: Recipe, out: Path, tissues: Path, *, until: int | None = None) -> Trainer:
    sources: list[tuple[float, Source]] = open_sources(plan, tissues)
    trainer = Trainer(plan, sources, out)
    trainer.run(lambda _: None, until=until)
    return trainer


def test_interrupted_and_resumed_is_the_same_to_the_bit(tmp_path: Path) -> None:
    plan = recipe(tmp_path)
    whole = train(plan, tmp_path / "whole", tmp_path)
    train(plan, tmp_path / "parts", tmp_path, until=3)
    resumed = train(plan, tmp_path / "parts", tmp_path)
    assert resumed.step == whole.step == 6
    for name, value in whole.average.state_dict().items():
        torch.testing.assert_close(resumed.average.state_dict()[name], value, rtol=0, atol=0)
    other = train(recipe(tmp_path / "b", "seed = 2\n" + TEXT), tmp_path / "other", tmp_path)
    assert any(
        not torch.equal(other.average.state_dict()[name], value)
        for name, value in whole.average.state_dict().items()
    )


def test_another_recipe_does_not_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    train(recipe(tmp_path), tmp_path / "run", tmp_path, until=1)
    with pytest.raises(InputError, match="another recipe"):
        train(recipe(tmp_path, TEXT.replace("steps = 6", "steps = 9")), tmp_path / "run", tmp_path)


def test_a_network_learns_a_sample_by_heart(tmp_path: Path, cube_sample: Sample) -> None:
    crop = (slice(8, 32), slice(8, 32), slice(4, 28))
    sample = Sample(
        cube_sample.pet[crop].contiguous(), cube_sample.ct[crop].contiguous(),  # type: ignore[index]
        cube_sample.reference[crop].contiguous(), cube_sample.field[crop].contiguous(), "fdg",
    )  # fmt: skip
    plan = recipe(
        tmp_path,
        TEXT.replace("steps = 6", "steps = 60\nlearning_rate = 0.02")
        + "[plan]\nct_missing = 0.0\n",
    )
    trainer = Trainer(plan, [(1.0, OneSample(sample))], tmp_path)
    losses: list[float] = []

    def report(progress: Progress) -> None:
        losses.append(progress.loss)

    trainer.run(report)
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])


def test_held_out_bodies_are_not_trained_on(tmp_path: Path) -> None:
    text = TEXT.replace("count = 2", "count = 4\nhold_out_every = 2")
    plan = recipe(tmp_path, text)
    ((_, source),) = open_sources(plan, tmp_path)
    (kept,) = open_validation(plan, tmp_path)
    assert len(source.names) == len(kept.names) == 2  # type: ignore[attr-defined]
    assert not set(source.names) & set(kept.names)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("steps = [", "not a TOML file"),
        ("steps = 5", "names no data"),
        (TEXT + "[plan]\nstep = 3", "plan has no entry 'step'"),
        (TEXT.replace("steps = 6", 'steps = "six"'), "wrong kind of value: 'six'"),
        (TEXT.replace("patch = 16", "patch = 15"), "patch is out of range"),
        (TEXT.replace("widths = [4, 8]", "widths = []"), "widths is out of range"),
        (TEXT.replace("procedural", "dreams"), "must be one of"),
        (TEXT.replace('"procedural"', '"anatomies"'), "needs a folder"),
        (TEXT + "weight = -1", "out of range"),
    ],
)
def test_recipes_with_mistakes_are_refused(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        recipe(tmp_path, text)


def test_a_misspelt_exclusion_is_refused(tmp_path: Path) -> None:
    plan = recipe(tmp_path, TEXT + 'exclude = ["body-fdg-999"]')
    with pytest.raises(InputError, match="body-fdg-999"):
        open_sources(plan, tmp_path)


def test_the_log_goes_on_where_the_checkpoint_is(tmp_path: Path) -> None:
    log = RunLog(tmp_path, steps=10, start=0)
    for step in range(1, 6):
        log.add(Progress(step, 1 / step, ((0, 0.5), (2, 0.7)), float(step)))
    log.write()
    resumed = RunLog(tmp_path, steps=10, start=3)
    resumed.add(Progress(4, 0.1, (), 4.0))
    resumed.write()
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3", "4"]
    page = (tmp_path / "progress.html").read_text()
    assert "Step 4 of 10" in page
    assert "<svg" in page
