"""The benchmark's printed tables, and small made-up records."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lesionloop.ranking.trials import CaseRecord

Rows = list[dict[str, str]]


@pytest.fixture(scope="session")
def printed(shared: Path) -> Path:
    """Folder of the printed tables; not part of the product."""
    folder = shared / "fixtures/trials/paper-tables"
    if not folder.is_dir():
        pytest.skip(f"the printed tables are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def rows(printed: Path) -> Callable[[str], Rows]:
    """Rows of a printed table."""

    def read(name: str) -> Rows:
        with (printed / f"{name}.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read


def _record(rng: np.random.Generator, names: tuple[str, str, str, str], lesions: int) -> CaseRecord:
    predicted = int(rng.integers(0, 5))
    tp0 = int(rng.integers(0, min(predicted, lesions) + 1))
    tp05 = int(rng.integers(0, tp0 + 1))
    reference = 50.0 * bool(lesions)
    shared = float(rng.integers(50)) * bool(lesions)
    dice = rng.random(tp05) / 2 + 0.5
    jaccard = dice / (2 - dice)
    return CaseRecord(
        *names,
        tp0=tp0,
        fp0=predicted - tp0,
        fn0=lesions - tp0,
        tp05=tp05,
        fp05=predicted - tp05,
        fn05=lesions - tp05,
        intersection=shared,
        volumes=60 + reference,
        dice=2 * shared / (60 + reference),
        sum_dice=float(dice.sum()),
        sum_jaccard=float(jaccard.sum()),
        sum_voe=float((1 - jaccard).sum()),
        sum_rvd=float(rng.random(tp05).sum() * 0.4),
        sum_assd=float(rng.random(tp05).sum() * 3),
        sum_rmsd=float(rng.random(tp05).sum() * 5),
        sum_msd=float(rng.random(tp05).sum() * 20),
        reference=reference,
    )


@pytest.fixture
def make_records() -> Callable[..., list[CaseRecord]]:
    """Random records that do not contradict themselves; the same lesions for all competitors."""

    def make(
        blocks: tuple[str, ...] = ("task1",),
        centres: tuple[str, ...] = ("north", "south"),
        competitors: tuple[str, ...] = ("a", "b", "c"),
        cases: int = 6,
        seed: int = 3,
    ) -> list[CaseRecord]:
        rng = np.random.default_rng(seed)
        found = []
        for block in blocks:
            for centre in centres:
                lesions = rng.integers(0, 5, cases)
                found += [
                    _record(rng, (block, centre, name, f"{centre}{n}"), int(lesions[n]))
                    for n in range(cases)
                    for name in competitors
                ]
        return found

    return make
