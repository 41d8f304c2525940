"""The loop as one forward pass: which points are shown, and how gradients flow."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from lesionloop.training.seganypet.interaction import (  # noqa: E402
    InteractionLoop,
    LoopPlan,
    draw_plan,
)
from lesionloop.training.seganypet.prompts import Strokes  # noqa: E402
from lesionloop.training.seganypet.seeds import seeded  # noqa: E402


def batch() -> tuple[Any, Any]:
    image = torch.randn((2, 1, 16, 16, 16), generator=torch.Generator().manual_seed(2))
    reference = torch.zeros(image.shape, dtype=torch.bool)
    reference[:, :, 4:10, 5:9, 6:12] = True
    return image, reference


def test_plans_withhold_one_early_point_and_the_last() -> None:
    seen = set()
    for seed in range(300):
        plan = draw_plan(seeded(seed), (1, 20))
        seen.add(plan.steps)
        assert 0 not in plan.withheld
        assert (plan.steps - 1 in plan.withheld) == (plan.steps > 1)
        early = plan.withheld - {plan.steps - 1}
        assert all(2 <= step <= 8 for step in early)
        assert len(early) <= 1
        if plan.steps > 9:
            assert len(plan.withheld) == 2 or plan.steps - 1 <= 8
    assert seen == set(range(1, 21))


@pytest.mark.parametrize(
    ("history", "shown"), [("all", [1, 2, 0, 3, 0]), ("newest", [1, 1, 0, 1, 0])]
)
def test_points_add_up_and_are_withheld(network: Any, history: str, shown: list[int]) -> None:
    image, reference = batch()
    loop = InteractionLoop(network, history=history)
    loss, dice = loop(image, reference, LoopPlan(5, frozenset({2, 4})), [1, 2])
    assert network.shown == shown
    assert dice.shape == (5, 2)
    assert loss.ndim == 0


def test_strokes_are_drawn_into_maps_and_sampled(network: Any) -> None:
    image, reference = batch()
    plan = LoopPlan(4, frozenset({2}))
    loop = InteractionLoop(network, strokes=Strokes(1.0, 4.0))
    loop(image, reference, plan, [1, 2])
    first, second, withheld, last = network.drawn
    assert 2 < first < second <= last
    assert withheld == 0
    assert network.shown[2] == 0
    assert network.shown[0] <= 5 < network.shown[3]
    points_alone = InteractionLoop(network, strokes=Strokes(1.0, 4.0, maps=False))
    points_alone(image, reference, plan, [1, 2])
    assert network.drawn[4:] == [0] * 4
    # A network that sees what is drawn sees clicks as well.
    InteractionLoop(network, strokes=Strokes(0.0, 4.0))(image, reference, plan, [1, 2])
    assert network.drawn[8:10] == [2, 4]
    assert network.shown[8:10] == [1, 2]


def test_gradients_flow_back_through_the_mask(network: Any) -> None:
    image, reference = batch()
    lows: list[Any] = []
    decode = network.decode

    def watched(*inputs: Any) -> Any:
        lows.append(decode(*inputs))
        lows[-1].retain_grad()
        return lows[-1]

    network.decode = watched
    network.upsample = lambda low: low if len(lows) == 2 else low.detach()
    loss, _ = InteractionLoop(network)(image, reference, LoopPlan(2), [1, 2])
    loss.backward()
    # The first prediction's own loss is cut off here, so its gradient is that of the second's.
    assert lows[0].grad is not None
    assert float(lows[0].grad.abs().sum()) > 0


def test_the_same_seeds_give_the_same_loop(network: Any) -> None:
    image, reference = batch()
    loop = InteractionLoop(network)
    runs = [
        float(loop(image, reference, LoopPlan(4), seeds)[0].detach())
        for seeds in ([1, 2], [1, 2], [3, 4])
    ]
    assert runs[0] == runs[1] != runs[2]
