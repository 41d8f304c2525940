"""One process against two that share a batch, on the CPU: seconds per training step.

The small network on balls of uptake in noise; each process computes with one thread. Two processes
on two free cores can at best take half the time. What is missing is the averaging of gradients,
waiting for each other, and cores that other work or shared memory slow down.

Usage: python benchmarks/bench_two_processes.py [--steps 20] [--batch 4]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lesionloop.output import write_json
from lesionloop.training.chance import choose
from lesionloop.training.seganypet.objects import Scan, scan_of
from lesionloop.training.seganypet.package import build_network
from lesionloop.training.seganypet.places import taking_place
from lesionloop.training.seganypet.recipe import PointRecipe
from lesionloop.training.seganypet.trainer import PointTrainer

RECIPE = Path(__file__).parents[1] / "recipes" / "seganypet-small.toml"


class Balls:
    """Eight scans of 48 voxels per side, each with one hot ball in noise."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        places = np.moveaxis(np.indices((48,) * 3), 0, -1)
        self._scans = []
        for _ in range(8):
            away = np.linalg.norm(places - rng.uniform(18, 30, 3), axis=-1)
            inside = away < rng.uniform(3, 7)
            pet = 1 + 0.3 * rng.random(inside.shape) + 6 * inside
            self._scans.append(scan_of(pet.astype(np.float32), inside))

    def draw(self, generator: torch.Generator) -> Scan:
        """One of them."""
        return choose(self._scans, generator)


def work(out: Path, steps: int, batch: int) -> None:
    """What one process does; it writes its seconds of all steps but the first."""
    torch.set_num_threads(1)
    with taking_place("cpu") as place:
        recipe = replace(
            PointRecipe.read(RECIPE), steps=steps + 1, milestones=(), batch=batch,
            micro_batch=batch // place.world,
        )  # fmt: skip
        network = build_network(recipe)
        size = network.config.image_size
        trainer = PointTrainer(recipe, network, size, [(1.0, False, Balls())], out, place=place)
        trainer.run(lambda _: None, until=1)  # the first one warms the library
        before, computed = trainer.seconds, time.process_time()
        trainer.run(lambda _: None)
        facts = {"wall": trainer.seconds - before, "computed": time.process_time() - computed}
        write_json(out / f"seconds-{place.rank}.json", facts)


def measure(world: int, steps: int, batch: int) -> tuple[float, float]:
    """Seconds per step, and of computing over all processes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "torch.distributed.run", "--standalone",
            "--nproc-per-node", str(world), __file__,
            "--work", folder, "--steps", str(steps), "--batch", str(batch),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        facts = [json.loads(path.read_text()) for path in Path(folder).glob("seconds-*.json")]
    if len(facts) != world:
        raise SystemExit(f"{len(facts)} of {world} processes came to their end")
    wall = max(fact["wall"] for fact in facts)
    return wall / steps, sum(fact["computed"] for fact in facts) / steps


def main() -> None:
    """Measure and print a table; or be one of the processes."""
    options = argparse.ArgumentParser()
    options.add_argument("--steps", type=int, default=20)
    options.add_argument("--batch", type=int, default=4)
    options.add_argument("--work", type=Path, default=None, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.work:
        work(asked.work, asked.steps, asked.batch)
        return
    found = {world: measure(world, asked.steps, asked.batch) for world in (1, 2)}
    print("| processes | s per step | s of computing per step | of the ideal |\n|" + " --- |" * 4)
    for world, (wall, computed) in found.items():
        share = found[1][0] / (world * wall)
        print(f"| {world} | {wall:.3f} | {computed:.3f} | {share:.0%} |")


if __name__ == "__main__":
    main()
