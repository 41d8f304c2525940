"""Training on a region of each study: what is drawn, what counts, what a recipe says of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lesionloop.datasets import write_case  # noqa: E402
from lesionloop.errors import InputError  # noqa: E402
from lesionloop.imaging import Grid, Quantity, Study, Volume, write_volume  # noqa: E402
from lesionloop.networks.channels import NO_CT_HU, Channel  # noqa: E402
from lesionloop.training.episode import Plan, start_episode  # noqa: E402
from lesionloop.training.recipe import Recipe, without_places  # noqa: E402
from lesionloop.training.sample import Sample  # noqa: E402
from lesionloop.training.seganypet.recipe import PointRecipe  # noqa: E402
from lesionloop.training.sources import open_sources  # noqa: E402
from lesionloop.training.strokes import Habits  # noqa: E402
from lesionloop.training.studies import StudySource, region_sample, whole_sample  # noqa: E402
from lesionloop.training.trainer import Trainer  # noqa: E402

SPACING = (4.0, 4.0, 4.0)
SHAPE = (30, 26, 22)
#: Inside of the region; the lesion at its border reaches out of it.
REGION = (slice(6, 18), slice(5, 15), slice(4, 14))
TEXT = """
steps = 3
patch = 16
pool = 3
widths = [4, 8]
[[data]]
kind = "studies"
folder = "data"
{regions}
"""


def case(name: str) -> tuple[Study, Volume, Volume]:
    """A study with a lesion inside, one across the border and one outside; its label; a region."""
    grid = Grid(SHAPE, SPACING)
    label = np.zeros(SHAPE, np.uint8)
    for place in ((8, 8, 7), (17, 10, 9), (26, 20, 18)):
        label[tuple(slice(p - 2, p + 2) for p in place)] = 1
    pet = np.where(label, 8.0, 0.5).astype(np.float32)
    pet += 0.01 * np.indices(SHAPE).sum(axis=0).astype(np.float32)
    ct = np.full(SHAPE, 50.0, np.float32)
    region = np.zeros(SHAPE, np.uint8)
    region[REGION] = 5
    study = Study(Volume(pet, grid, Quantity.SUV_BW), Volume(ct, grid, Quantity.HU), name, "fdg")
    return study, Volume(label, grid, Quantity.LABEL), Volume(region, grid, Quantity.LABEL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cases with their regions."""
    (tmp_path / "livers").mkdir()
    for name in ("fdg_1", "fdg_2"):
        study, label, region = case(name)
        write_case(study, tmp_path / "data", label=label)
        write_volume(region, tmp_path / "livers" / f"{name}.nii.gz")
    return tmp_path


def recipe(folder: Path, regions: str = "", text: str = TEXT) -> Recipe:
    path = folder / "recipe.toml"
    path.write_text(text.format(regions=regions))
    return Recipe.read(path)


def test_the_box_alone_and_what_is_outside_of_the_region_does_not_count() -> None:
    study, label, region = case("fdg_1")
    sample = region_sample(study, label, region, margin=0.2, spacing_mm=4.0)
    rims = [int(np.ceil(0.2 * (side.stop - side.start))) for side in REGION]
    box = tuple(
        slice(side.start - rim, side.stop + rim) for side, rim in zip(REGION, rims, strict=True)
    )
    whole = whole_sample(study, label, spacing_mm=4.0)
    inner = (slice(1, -1),) * 3  # at the box's faces the outermost values hold
    np.testing.assert_array_equal(sample.pet[inner].numpy(), whole.pet[box][inner].numpy())
    np.testing.assert_array_equal(sample.field.numpy(), region.mask()[box])
    np.testing.assert_array_equal(sample.reference.numpy(), label.mask()[box] & region.mask()[box])
    assert sample.visible.all()
    assert sample.ct is not None
    assert (sample.ct == 50).all()  # what is around the region is seen


def test_without_regions_a_sample_is_as_it_was() -> None:
    study, label, _ = case("fdg_1")
    sample = whole_sample(study, label, spacing_mm=4.0)
    assert sample.shown is None
    assert sample.visible is sample.field
    assert sample.field.all()


def test_patches_show_the_surroundings_that_do_not_count(folder: Path) -> None:
    source = StudySource(
        folder / "data", exclude=(), size=24, spacing_mm=4.0, regions=folder / "livers"
    )
    generator = torch.Generator().manual_seed(4)
    rims = 0
    for _ in range(12):
        patch = source.draw(generator)
        assert patch.shown is not None
        assert not (patch.field & ~patch.shown).any()
        assert not (patch.reference & ~patch.field).any()
        assert (patch.pet[~patch.shown] == 0).all()
        rim = patch.shown & ~patch.field
        rims += int((patch.pet[rim] > 0).sum())
    assert rims > 100


def hidden_sample() -> Sample:
    """A lesion in the half that counts, and a hot place in the half that does not."""
    pet = torch.full((24, 20, 16), 0.5)
    reference = torch.zeros(pet.shape, dtype=torch.bool)
    reference[4:8, 6:12, 5:11] = True
    pet[reference] = 9.0
    pet[17:22, 6:12, 5:11] = 9.0
    field = torch.zeros_like(reference)
    field[:12] = True
    return Sample(pet, None, reference, field, "fdg", torch.ones_like(reference))


def test_the_network_sees_what_does_not_count_and_no_reader_corrects_it() -> None:
    sample = hidden_sample()
    careful = Habits(satisfied=0, one_lesion=0, both=0, short=0, shaky=0, wrong=0)
    generator = torch.Generator().manual_seed(1)
    plan = Plan(steps=4, habits=careful, previous="none")
    for _ in range(6):
        episode = start_episode(sample, plan, 4.0, generator)
        assert bool((episode.inputs()[Channel.FIELD] == 1).all())
        assert bool((episode.inputs()[Channel.CT] == NO_CT_HU).all())
        probability = torch.zeros(sample.pet.shape)
        probability[16:, 4:14, 3:13] = 1.0  # wrong, if it counted; and the lesion is missed
        episode.steps_left = 2
        assert episode.advance(probability, generator)
        assert not episode.background
        assert all((points[:, 0] < 12).all() for points in episode.foreground)


def test_the_loss_does_not_change_with_what_is_outside(folder: Path, tmp_path: Path) -> None:
    """The gradient of a voxel's logit outside of the region is 0."""
    from lesionloop.training.loss import loop_loss

    sample = hidden_sample()
    logits = torch.zeros((1, *sample.pet.shape), requires_grad=True)
    loss = loop_loss(
        logits, sample.reference[None], torch.ones(logits.shape), sample.field[None],
        torch.zeros(logits.shape),
    )  # fmt: skip
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad[0][~sample.field] == 0).all()
    assert (logits.grad[0][sample.field] != 0).all()
    plan = recipe(folder, 'regions = "livers"')
    trainer = Trainer(plan, open_sources(plan, tmp_path), tmp_path / "run")
    trainer.run(lambda _: None)
    assert trainer.step == 3


def test_a_recipe_names_them(folder: Path) -> None:
    plan = recipe(folder, 'regions = "livers"\nregion_margin = 0.1')
    entry: Any = plan.data[0]
    assert (entry.regions, entry.region_margin) == (str(folder / "livers"), 0.1)
    (_, source), *_ = open_sources(plan, folder)
    assert isinstance(source, StudySource)
    expected = [
        region_sample(*case(name), margin=0.1, spacing_mm=4.0).pet.shape
        for name in ("fdg_1", "fdg_2")
    ]
    assert [sample.pet.shape for sample in source._samples] == expected
    assert plan.as_dict()["data"][0]["regions"]


def test_recipes_without_are_told_as_before(folder: Path) -> None:
    """Runs from before there were regions go on: their checkpoints hold no such entries."""
    assert set(recipe(folder).as_dict()["data"][0]) == {
        "kind", "folder", "weight", "exclude", "hold_out_every", "count",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("regions", "match"),
    [
        ('regions = "livers"\nregion_margin = -0.1', "region_margin is a number from 0"),
        ('regions = "livers"\nregion_margin = nan', "region_margin is a number from 0"),
        ("regions = 3", "wrong kind of value: 3"),
    ],
)
def test_recipes_that_are_refused(folder: Path, regions: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        recipe(folder, regions)


def test_only_studies_have_regions(folder: Path) -> None:
    text = '[[data]]\nkind = "procedural"\nregions = "livers"\n'
    with pytest.raises(InputError, match="kind procedural has no regions"):
        recipe(folder, text=text)
    path = folder / "points.toml"
    path.write_text(f'method = "seganypet"\n{text.replace("procedural", "studies")}folder = "data"')
    with pytest.raises(InputError, match="data has no entry 'regions'"):
        PointRecipe.read(path)


def test_regions_that_are_not_there_or_do_not_fit(folder: Path, tmp_path: Path) -> None:
    def opened() -> None:
        open_sources(recipe(folder, 'regions = "livers"'), tmp_path)

    place = folder / "livers" / "fdg_2.nii.gz"
    _, _, region = case("fdg_2")
    write_volume(replace(region, values=np.zeros_like(region.values)), place)
    with pytest.raises(InputError, match=r"region .*fdg_2\.nii\.gz is empty"):
        opened()
    moved = replace(region, grid=replace(region.grid, origin=(1.0, 0.0, 0.0)))
    write_volume(moved, place)
    with pytest.raises(InputError, match="not on the same grid"):
        opened()
    place.unlink()
    with pytest.raises(InputError, match="1 of 2 cases have no region") as caught:
        opened()
    assert "fdg_2" in str(caught.value)
    (folder / "livers" / "fdg_1.nii.gz").unlink()
    (folder / "livers").rmdir()
    with pytest.raises(InputError, match="there is no folder"):
        opened()


def test_where_regions_lie_is_not_told(tmp_path: Path) -> None:
    plan = recipe(tmp_path, 'regions = "livers"')
    assert str(tmp_path) in plan.data[0].regions  # type: ignore[attr-defined]
    (told,) = without_places(plan.as_dict())["data"]
    assert (told["folder"], told["regions"]) == ("data", "livers")
