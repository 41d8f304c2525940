"""What a structured report costs: seconds a study, by number of studies and of lesions.

The quantities are made up: 117 organs of TotalSegmentator and so many lesions a study. All of
``lesionloop report`` runs but the images: reading, states, texts, page, checks, writing.

Usage: python benchmarks/bench_reports.py [--studies 25 50 100 200] [--lesions 10 100 1000]
"""

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from lesionloop.cohort.study_reports import ReportOptions, find_report_jobs, report_studies
from lesionloop.quantification.burden import PLACE_COLUMNS
from lesionloop.quantification.organ_names import MERGED, TOTALSEGMENTATOR
from lesionloop.quantification.organ_uptake import ORGAN_COLUMNS
from lesionloop.quantification.table import LESION_COLUMNS

USUAL_LESIONS = 10


def write_study(folder: Path, lesions: int, seed: int) -> None:
    """Write the files of ``lesionloop quantify`` of one made-up study."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    organs = [*TOTALSEGMENTATOR.values(), *MERGED]
    rows = []
    for organ in organs:
        held = {"study": folder.name, "organ": organ, "voxels": int(rng.integers(10, 5000))}
        numbers = {name: float(rng.gamma(2.0)) for name in ORGAN_COLUMNS if name not in held}
        rows.append(held | numbers)
    _table(folder / "organs.csv", ORGAN_COLUMNS, rows)
    found = []
    for number in range(1, lesions + 1):
        organ = organs[int(rng.integers(len(organs)))]
        place = {"location": organ, "organ": organ, "organ_share": 1.0, "body_region": "thorax"}
        known = {"lesion": number, **place}
        names = [name for name in (*LESION_COLUMNS, *PLACE_COLUMNS) if name not in known]
        found.append(known | {name: float(rng.gamma(2.0)) for name in names})
    _table(folder / "lesions.csv", (*LESION_COLUMNS, *PLACE_COLUMNS), found)
    region = {"ok": True, "mean": 2.0, "sd": 0.2, "volume_ml": 14.0}
    totals = dict.fromkeys(("mtv_ml", "tlg", "suv_max", "suv_peak", "dmax_mm"), 1.5)
    record = {
        "study": folder.name,
        "tracer": "fdg",
        "totals": {**totals, "lesions": lesions},
        "reference_regions": {"liver": region, "blood_pool": region},
        "notes": [],
        "version": "0",
    }
    (folder / "burden.json").write_text(json.dumps(record), encoding="utf-8")


def _table(path: Path, columns: tuple[str, ...], rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def seconds(studies: int, lesions: int) -> tuple[float, float, float]:
    """Wall time of all reports, of their resumption, and KiB a report."""
    with tempfile.TemporaryDirectory(prefix="lesionloop-bench-") as place:
        top = Path(place)
        for number in range(studies):
            write_study(top / "quantities" / f"case_{number}", lesions, number)
        took = []
        for resumed in (False, True):
            began = time.perf_counter()
            jobs = find_report_jobs(top / "quantities", top / "reports", ReportOptions())
            for case in report_studies(jobs):
                if case.record is None or case.resumed != resumed:
                    raise RuntimeError(f"{case.name}: {case.problem}")
            took.append(time.perf_counter() - began)
        size = sum(path.stat().st_size for path in (top / "reports").rglob("report.*"))
        return took[0], took[1], size / 1024 / studies


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, nargs="+", default=[25, 50, 100, 200])
    parser.add_argument("--lesions", type=int, nargs="+", default=[10, 100, 1000])
    chosen = parser.parse_args()
    cases = [(number, USUAL_LESIONS) for number in chosen.studies]
    cases += [(min(chosen.studies), number) for number in chosen.lesions]
    print("| studies | lesions each | s | s a study | s again | KiB a study |")
    print("| --- | --- | --- | --- | --- | --- |")
    for studies, lesions in dict.fromkeys(cases):
        took, again, size = seconds(studies, lesions)
        print(
            f"| {studies} | {lesions} | {took:.2f} | {took / studies:.4f} | {again:.2f} |"
            f" {size:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
