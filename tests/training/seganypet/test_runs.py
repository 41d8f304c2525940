"""Whole runs: to the bit after an interruption, the same in two processes, learning."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from lesionloop.errors import InputError  # noqa: E402
from lesionloop.training.seganypet.confident import Confident  # noqa: E402
from lesionloop.training.seganypet.curve import dice_by_click, held_out_objects  # noqa: E402
from lesionloop.training.seganypet.places import Place  # noqa: E402
from lesionloop.training.seganypet.recipe import Options, PointRecipe  # noqa: E402
from lesionloop.training.seganypet.trainer import PointTrainer, cut_of, parts  # noqa: E402

HERE = Place(torch.device("cpu"))


def train(plan: PointRecipe, network: Any, scans: Any, out: Path, until: int | None = None) -> Any:
    trainer = PointTrainer(plan, network, 16, scans, out, place=HERE)
    trainer.run(lambda _: None, until=until)
    return trainer


def weights(network: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("strokes", [False, True])
def test_interrupted_and_resumed_is_the_same_to_the_bit(
    strokes: bool, tmp_path: Path, tiny_recipe: PointRecipe, make_network: Any, make_balls: Any
) -> None:
    def scans() -> Any:
        return [(1.0, False, make_balls()), (1.0, True, make_balls(wrong=True))]

    plan = replace(
        tiny_recipe, confident=Confident(prompts=2, warm_up=2), milestones=(3,),
        options=Options(scribbles=strokes),
    )  # fmt: skip
    whole = train(plan, make_network(), scans(), tmp_path / "whole")
    train(plan, make_network(), scans(), tmp_path / "parts", until=2)
    resumed = train(plan, make_network(seed=9), scans(), tmp_path / "parts")
    assert resumed.step == whole.step == 4
    for name, value in weights(whole.network).items():
        torch.testing.assert_close(resumed.network.state_dict()[name], value, rtol=0, atol=0)
    other = train(replace(plan, seed=2), make_network(), scans(), tmp_path / "other")
    assert not torch.equal(other.network.mask_decoder.weight, whole.network.mask_decoder.weight)
    with pytest.raises(InputError, match="another recipe"):
        train(replace(plan, seed=3), make_network(), scans(), tmp_path / "whole")


def test_a_checkpoint_of_before_there_were_options_goes_on(
    tmp_path: Path, tiny_recipe: PointRecipe, make_network: Any, make_balls: Any
) -> None:
    tiny_recipe = replace(tiny_recipe, confident=Confident())
    scans = [(1.0, False, make_balls())]
    path = tmp_path / "checkpoint.pt"
    train(tiny_recipe, make_network(), scans, tmp_path, until=2)
    state = torch.load(path, weights_only=True)
    for entry in ("options", "strokes"):
        del state["recipe"][entry]
    torch.save(state, path)
    assert train(tiny_recipe, make_network(), scans, tmp_path).step == 4
    torch.save(state, path)
    plan = replace(tiny_recipe, options=Options(scribbles=True))
    with pytest.raises(InputError, match="another recipe"):
        train(plan, make_network(), scans, tmp_path)


def test_gradients_in_parts_are_those_of_the_whole_batch(
    tmp_path: Path, tiny_recipe: PointRecipe, make_network: Any, make_balls: Any
) -> None:
    found = []
    for micro in (1, 2):
        plan = replace(tiny_recipe, micro_batch=micro, steps=1)
        trainer = train(plan, make_network(), [(1.0, False, make_balls())], tmp_path / str(micro))
        found.append({name: p.grad for name, p in trainer.network.named_parameters()})
    for name, value in found[0].items():
        if value is None:
            assert found[1][name] is None
        else:
            torch.testing.assert_close(found[1][name], value, rtol=1e-4, atol=1e-6)


WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from conftest import Balls, TinyNetwork
from lesionloop.training.seganypet.places import taking_place
from lesionloop.training.seganypet.recipe import Options, PointData, PointRecipe
from lesionloop.training.seganypet.trainer import PointTrainer
from pathlib import Path
plan = PointRecipe(
    data=(PointData("studies", "anywhere"),), steps=2, batch=4, micro_batch=1, spacing_mm=4.0,
    smallest_ml=0.5, clicks=(3, 4), encoder_rate=0.01, prompt_rate=0.01, decoder_rate=0.01,
    options=Options(scribbles=True),
)
out = Path(sys.argv[2])
with taking_place("cpu") as place:
    trainer = PointTrainer(plan, TinyNetwork(), 16, [(1.0, False, Balls())], out, place=place)
    grads = {}
    def report(done):
        if done.step == 1:
            grads.update({n: p.grad.clone() for n, p in trainer.network.named_parameters()
                          if p.grad is not None})
    trainer.run(report)
    torch.save({"grads": grads, "weights": trainer.network.state_dict()},
               out / f"rank{place.rank}of{place.world}.pt")
"""


def test_two_processes_do_what_one_does(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def start(rank: int, world: int) -> subprocess.Popen[bytes]:
        out = tmp_path / str(world)
        out.mkdir(exist_ok=True)
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_PORT": port}
        env = os.environ | {name: str(value) for name, value in place.items()}
        env["MASTER_ADDR"] = "127.0.0.1"
        command = [sys.executable, "-c", WORKER, str(Path(__file__).parent), str(out)]
        return subprocess.Popen(command, env=env)

    for world in (1, 2):
        running = [start(rank, world) for rank in range(world)]
        assert [process.wait(timeout=240) for process in running] == [0] * world
    alone = torch.load(tmp_path / "1" / "rank0of1.pt")
    both = [torch.load(tmp_path / "2" / f"rank{rank}of2.pt") for rank in (0, 1)]
    assert alone["grads"]
    for name, value in alone["grads"].items():
        torch.testing.assert_close(both[0]["grads"][name], both[1]["grads"][name], rtol=0, atol=0)
        torch.testing.assert_close(both[0]["grads"][name], value, rtol=1e-4, atol=1e-6)
    for name, value in alone["weights"].items():
        torch.testing.assert_close(
            both[0]["weights"][name], both[1]["weights"][name], rtol=0, atol=0
        )
        torch.testing.assert_close(both[0]["weights"][name], value, rtol=1e-3, atol=1e-4)


def test_a_network_learns_balls_and_clicks_help(
    tmp_path: Path, tiny_recipe: PointRecipe, make_network: Any, make_balls: Any
) -> None:
    plan = replace(tiny_recipe, steps=40, micro_batch=2)
    network = make_network()
    objects = held_out_objects([make_balls()], cut_of(plan, 16, flips=False), 6, seed=77)
    before = dice_by_click(network, objects, 3, seed=1)
    assert before.shape == (3, 6)
    train(plan, network, [(1.0, False, make_balls())], tmp_path)
    after = dice_by_click(network, objects, 3, seed=1)
    assert float(after.mean()) > float(before.mean()) + 0.2
    torch.testing.assert_close(after, dice_by_click(network, objects, 3, seed=1), rtol=0, atol=0)


def test_noisy_data_wait_until_after_the_warm_up(
    tmp_path: Path, tiny_recipe: PointRecipe, make_network: Any, make_balls: Any
) -> None:
    clean, noisy = make_balls(), make_balls(wrong=True)
    plan = replace(tiny_recipe, confident=Confident(prompts=2, warm_up=2), batch=4)
    scans: Any = [(1.0, False, clean), (9.0, True, noisy)]
    train(plan, make_network(), scans, tmp_path, until=2)
    assert (clean.drawn, noisy.drawn) == (8, 0)
    train(plan, make_network(), scans, tmp_path)
    assert noisy.drawn > 0


def test_each_part_has_its_rate(
    tmp_path: Path, tiny_recipe: PointRecipe, make_network: Any, make_balls: Any
) -> None:
    plan = replace(tiny_recipe, encoder_rate=0.0, weight_decay=0.0)
    network = make_network()
    before = weights(network)
    train(plan, network, [(1.0, False, make_balls())], tmp_path)
    assert list(parts(network)) == ["encoder", "prompt", "decoder"]
    assert torch.equal(network.image_encoder.weight, before["image_encoder.weight"])
    assert not torch.equal(network.prompt_encoder.weight, before["prompt_encoder.weight"])


def test_a_batch_that_cannot_be_shared_out_is_refused(
    tmp_path: Path, tiny_recipe: PointRecipe, make_network: Any
) -> None:
    with pytest.raises(InputError, match="cannot be shared out"):
        PointTrainer(
            tiny_recipe, make_network(), 16, [], tmp_path,
            place=Place(torch.device("cpu"), rank=0, world=4),
        )  # fmt: skip
