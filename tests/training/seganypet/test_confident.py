"""References are changed only where predictions disagree."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from lesionloop.training.seganypet.confident import (  # noqa: E402
    CHANGES,
    Confident,
    confident_loss,
    rectify,
    unreliable,
)
from lesionloop.training.seganypet.curve import held_out_objects  # noqa: E402
from lesionloop.training.seganypet.interaction import InteractionLoop, LoopPlan  # noqa: E402
from lesionloop.training.seganypet.loss import click_loss, mask_dice  # noqa: E402
from lesionloop.training.seganypet.places import Place  # noqa: E402
from lesionloop.training.seganypet.prompts import next_prompts  # noqa: E402
from lesionloop.training.seganypet.recipe import PointRecipe  # noqa: E402
from lesionloop.training.seganypet.seeds import seeded  # noqa: E402
from lesionloop.training.seganypet.trainer import PointTrainer, cut_of  # noqa: E402


def some(seed: int, number: int = 3) -> tuple:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    predictions = torch.from_numpy(rng.random((number, 2, 1, 4, 5, 3)).astype(np.float32))
    return predictions, torch.from_numpy(rng.random((2, 1, 4, 5, 3)) < 0.4)


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_changes_when_predictions_agree(change: str) -> None:
    predictions, reference = some(1)
    same = predictions[:1].expand(4, -1, -1, -1, -1, -1)
    assert not unreliable(same).any()
    assert torch.equal(rectify(reference, same, change), reference)


@given(seed=st.integers(0, 10**6), change=st.sampled_from(CHANGES), number=st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_changes_are_inside_of_the_unreliable_region(seed: int, change: str, number: int) -> None:
    predictions, reference = some(seed, number)
    doubtful = unreliable(predictions)
    variance = predictions.numpy().var(axis=0)
    mean = variance.mean(axis=(1, 2, 3, 4), keepdims=True)
    sure = np.abs(variance - mean) > 1e-6
    assert (doubtful.numpy() == (variance > mean))[sure].all()
    changed = rectify(reference, predictions, change) != reference
    assert not (changed & ~doubtful).any()
    if change == "flip":
        assert torch.equal(changed, doubtful)
    elif change == "none":
        assert not changed.any()
    else:
        assert torch.equal(
            rectify(reference, predictions, change)[doubtful],
            (predictions.mean(dim=0) > 0.5)[doubtful],
        )


def test_each_object_has_a_threshold_of_its_own() -> None:
    predictions, _ = some(3)
    calm = predictions.clone()
    calm[:, 1] = 0.5 + 0.01 * (predictions[:, 1] - 0.5)
    # Scaling an object's spread leaves what is unreliable in it, and in the other, as it was.
    assert torch.equal(unreliable(calm), unreliable(predictions))


def test_the_changed_reference_counts_a_third() -> None:
    predictions, reference = some(4)
    logits = torch.randn(reference.shape, generator=torch.Generator().manual_seed(1))
    other = rectify(reference, predictions, "flip")
    found = confident_loss(logits, reference, other)
    expected = (2 * click_loss(logits, reference) + click_loss(logits, other)) / 3
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("prompts", [0, 3])
def test_only_noisy_objects_are_learned_from_otherwise(network: Any, prompts: int) -> None:
    image = torch.randn((2, 1, 16, 16, 16), generator=torch.Generator().manual_seed(2))
    reference = torch.zeros(image.shape, dtype=torch.bool)
    reference[:, :, 4:10, 5:9, 6:12] = True
    confident = Confident("flip", prompts=prompts)
    plan = LoopPlan(3)

    def losses(noisy: list[bool], mending: Confident | None = confident) -> float:
        loop = InteractionLoop(network, confident=mending)
        # The same clicks: those of other prompts come from the same generators, so the plain loop
        # is only the same where none are drawn.
        return float(loop(image, reference, plan, [1, 2], noisy)[0].detach())

    plain = losses([False, False], None)
    assert losses([False, False]) == plain
    assert losses([True, False]) != plain
    assert losses([True, True]) != losses([True, False])


def test_planted_errors_shrink_after_a_warm_up(
    tmp_path: Path, tiny_recipe: PointRecipe, make_network: Any, make_balls: Any
) -> None:
    """A network that has seen clean balls mends references that are two voxels beside."""
    plan = replace(tiny_recipe, steps=40, micro_batch=2)
    network = make_network()
    place = Place(torch.device("cpu"))
    PointTrainer(plan, network, 16, [(1.0, False, make_balls())], tmp_path, place=place).run(
        lambda _: None
    )
    objects = held_out_objects([make_balls()], cut_of(plan, 16, flips=False), 8, seed=77)
    image = torch.stack([one.image for one in objects])
    right = torch.stack([one.reference for one in objects])
    planted = right.roll(2, dims=2)
    nothing = torch.zeros_like(planted)
    generators = [seeded(number) for number in range(len(objects))]
    predictions = []
    with torch.no_grad():
        embedding = network.encode(image)
        for _ in range(5):  # clicks of a reader who believes in the planted reference
            _, points, labels = next_prompts(nothing, planted, generators, "uniform")
            low = network.decode(embedding, points, labels)
            predictions.append(torch.sigmoid(network.upsample(low)))
    mended = rectify(planted, torch.stack(predictions), "ensemble")
    before, after = mask_dice(planted, right), mask_dice(mended, right)
    assert float(after.mean()) > float(before.mean()) + 0.1
    assert bool((after >= before).float().mean() > 0.7)
