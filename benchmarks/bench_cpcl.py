"""Cross prompting confident learning against plain training, with planted errors of references.

Phantoms are ellipsoids of uptake, blurred and in noise. One scan in five keeps its reference; in
the others it is shifted, grown, shrunk or cut in half. Each arm trains the same tiny network on the
same objects in the same order, so that arms differ in what they make of the wrong references alone:

- clean: the clean fifth only;
- plain: everything, as it is;
- warm: a third of the steps on clean scans, then everything, as it is;
- ensemble, flip: the same, with references changed where predictions disagree.

Dice is measured on clean scans that no arm has seen. Every seed has its own weights and data.

Usage: python benchmarks/bench_cpcl.py [--steps 240] [--seeds 3] [--workers 2] [--out cpcl.json]
       [--arms ARM ...]
"""

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.networks.seganypet import SegAnyPET, SegAnyPETConfig
from lesionloop.output import write_json
from lesionloop.training.chance import integer
from lesionloop.training.seganypet.confident import Confident
from lesionloop.training.seganypet.curve import dice_by_click, held_out_objects
from lesionloop.training.seganypet.objects import Scan, ScanSource, scan_of
from lesionloop.training.seganypet.places import Place
from lesionloop.training.seganypet.recipe import PointData, PointRecipe
from lesionloop.training.seganypet.trainer import PointTrainer, cut_of

SIDE, SHAPE = 24, (34, 34, 34)
#: What each arm makes of wrong references; clean and plain have no warm-up either.
ARMS: dict[str, Confident | None] = {
    "clean": None,
    "plain": None,
    "warm": Confident("none", prompts=0),
    "ensemble": Confident("ensemble"),
    "flip": Confident("flip"),
}
CLICKS = 5
CONFIG = SegAnyPETConfig(
    image_size=SIDE, patch=4, width=48, depth=2, heads=4, global_blocks=(0, 1), embed=48,
    decoder_heads=4, decoder_mlp=96, quality_width=24, compatible=False,
)  # fmt: skip


@dataclass
class Phantoms:
    """Scans that are made once: number n is always the same one.

    Args:
        seed: of all.
        count: how many.
        wrong: plant errors in the references.
    """

    seed: int
    count: int
    wrong: bool

    def __post_init__(self) -> None:
        self._made: dict[int, Scan] = {}

    def draw(self, generator: torch.Generator) -> Scan:
        """One of them."""
        number = integer(0, self.count - 1, generator)
        if number not in self._made:
            self._made[number] = phantom([self.seed, number], wrong=self.wrong)
        return self._made[number]


def phantom(seed: list[int], *, wrong: bool) -> Scan:
    """Three ellipsoids of half axes 3 to 6 voxels."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    uptake = np.ones(SHAPE)
    reference = np.zeros(SHAPE, bool)
    for _ in range(3):
        centre = rng.uniform(8, np.array(SHAPE) - 8)
        inside = (((places - centre) / rng.uniform(3, 6, 3)) ** 2).sum(axis=-1) < 1
        if (inside & ndimage.binary_dilation(reference, iterations=3)).any():
            continue
        uptake[inside] = rng.uniform(2.5, 6)
        reference |= planted(inside, rng) if wrong else inside
    pet = ndimage.gaussian_filter(uptake, 1.0) + 0.5 * ndimage.gaussian_filter(
        rng.normal(size=SHAPE), 0.7
    )
    return scan_of(pet.clip(min=0.01).astype(np.float32), reference)


def planted(lesion: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A lesion as a careless reader draws it."""
    kind = rng.integers(4)
    if kind == 0:
        return np.roll(lesion, rng.choice([-2, 2], 3), axis=(0, 1, 2))
    if kind == 1:
        return np.asarray(ndimage.binary_dilation(lesion, iterations=2))
    if kind == 2:
        return np.asarray(ndimage.binary_erosion(lesion, iterations=1))
    axis = int(rng.integers(3))
    middle = round(float(np.argwhere(lesion)[:, axis].mean()))
    half = lesion.copy()
    half[(slice(None),) * axis + (slice(middle, None),)] = False
    return half


def recipe(arm: str, seed: int, steps: int) -> PointRecipe:
    """What an arm trains."""
    confident = ARMS[arm]
    if confident is not None:
        confident = replace(confident, warm_up=steps // 3)
    return PointRecipe(
        data=(PointData("studies", "clean"), PointData("studies", "noisy", noisy=True)),
        seed=seed, steps=steps, batch=4, micro_batch=4, spacing_mm=4.0, smallest_ml=2.0,
        clicks=(1, 5), encoder_rate=1e-3, prompt_rate=1e-3, decoder_rate=1e-3, weight_decay=0.01,
        warm_up=20, milestones=(steps * 4 // 5,), largest_gradient=5.0, confident=confident,
    )  # fmt: skip


def run(arm: str, seed: int, steps: int) -> tuple[list[float], float]:
    """Train an arm; mean Dice after 1 to 5 clicks on clean scans, and seconds."""
    torch.set_num_threads(1)  # the network is tiny: arms side by side use the cores better
    began = time.perf_counter()
    clean = Phantoms(100 + seed, 12, wrong=False)
    noisy = Phantoms(200 + seed, 48, wrong=True)
    scans: list[tuple[float, bool, ScanSource]] = [(0.2, False, clean)]
    if arm != "clean":
        scans.append((0.8, True, noisy))
    torch.manual_seed(seed)
    network = SegAnyPET(CONFIG)
    plan = recipe(arm, seed, steps)
    with tempfile.TemporaryDirectory() as out:
        trainer = PointTrainer(
            plan, network, SIDE, scans, Path(out), place=Place(torch.device("cpu"))
        )
        trainer.run(lambda _: None, save_every=steps)
    cut = cut_of(plan, SIDE, flips=False)
    objects = held_out_objects([Phantoms(999, 24, wrong=False)], cut, 40, seed=5)
    found = dice_by_click(network, objects, CLICKS, seed=6).mean(dim=1).tolist()
    return found, time.perf_counter() - began


def main() -> None:
    """Run every arm with every seed and print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--steps", type=int, default=240)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--out", type=Path, default=None)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    asked = options.parse_args()
    jobs = [(arm, seed) for seed in range(1, asked.seeds + 1) for arm in asked.arms]
    results: dict[str, Any] = {arm: [] for arm in asked.arms}
    with ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(run, arm, seed, asked.steps) for arm, seed in jobs]
        for (arm, seed), job in zip(jobs, running, strict=True):
            dice, seconds = job.result()
            results[arm].append(dice)
            shown = " ".join(f"{value:.3f}" for value in dice)
            print(f"seed {seed} {arm:9} Dice {shown}  {seconds:.0f} s", flush=True)
    print(f"\n{'arm':9} {'1 click':>16} {'3 clicks':>16} {'5 clicks':>16}   (mean, sd over seeds)")
    for arm in asked.arms:
        values = np.array(results[arm])
        cells = [f"{values[:, n].mean():.3f} ± {values[:, n].std():.3f}" for n in (0, 2, 4)]
        print(f"{arm:9} " + " ".join(f"{cell:>16}" for cell in cells))
    if asked.out:
        facts = {"steps": asked.steps, "seeds": asked.seeds, "torch": str(torch.__version__)}
        write_json(asked.out, {**facts, "dice_by_click": results})


if __name__ == "__main__":
    main()
