"""What the modes of the liver benchmark make of the same masks, as a table in Markdown.

Usage: python benchmarks/compare_liver_modes.py FOLDER

FOLDER holds cases as .npz files with the arrays prediction, reference and spacing (mm).
"""

import sys
from pathlib import Path

import numpy as np

from lesionloop.metrics.liver import LiverCase, Mode, liver_dataset, score_liver_case

MODES: tuple[Mode, ...] = ("official", "paper", "strict")


def _counts(case: LiverCase) -> str:
    return f"{case.half.tp}/{case.half.fp}/{case.half.fn}"


def _assd(case: LiverCase, mode: Mode) -> str:
    return f"{liver_dataset([case], mode=mode)['lesion_assd']:.3f}"


def main() -> int:
    found: dict[Mode, list[LiverCase]] = {mode: [] for mode in MODES}
    print("| case | components R, P | any overlap | official, paper | strict | ASSD official |"
          " paper | strict |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | ---: | ---: | ---: |")
    for path in sorted(Path(sys.argv[1]).glob("*.npz")):
        held = np.load(path)
        if "prediction" not in held:
            continue
        spacing = held["spacing"].astype(np.float32).tolist()
        for mode, cases in found.items():
            cases.append(
                score_liver_case(held["prediction"], held["reference"], spacing, mode=mode)
            )
        official, _, strict = (cases[-1] for cases in found.values())
        some = official.any_overlap
        cells = [
            path.stem,
            f"{len(official.reference_sizes)}, {len(official.prediction_sizes)}",
            f"{some.tp}/{some.fp}/{some.fn}",
            _counts(official),
            _counts(strict),
            *(_assd(cases[-1], mode) for mode, cases in found.items()),
        ]
        print(f"| {' | '.join(cells)} |")
    print("\n| data set | " + " | ".join(MODES) + " |\n| --- | ---: | ---: | ---: |")
    values = {mode: liver_dataset(cases, mode=mode) for mode, cases in found.items()}
    for name in values["strict"]:
        shown = " | ".join(f"{values[mode][name]:.4f}" for mode in MODES)
        print(f"| `{name}` | {shown} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
