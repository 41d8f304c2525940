"""``lesionloop segment``: one mask for a study and its scribbles."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lesionloop.cli.console import (
    CtOption,
    DicomOption,
    JsonOption,
    OptionsOption,
    SegmenterOption,
    note,
    parse_options,
    print_json,
    progress,
)
from lesionloop.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lesionloop.imaging import Study
    from lesionloop.segmenters import Segmenter

NAME = "segment"
EXAMPLES = (
    "Examples: lesionloop segment --ct ct.nii.gz --pet suv.nii.gz --out mask.nii.gz   ·   "
    "lesionloop segment --dicom study/ --scribbles clicks.json --out mask.dcm"
)


def run(
    out: Annotated[
        Path, typer.Option(help="Mask: .nii.gz, .nii, .mha, or .dcm (DICOM SEG, with --dicom).")
    ],
    pet: Annotated[Path | None, typer.Option(help="PET in SUV (NIfTI or MHA).")] = None,
    ct: CtOption = None,
    dicom: DicomOption = None,
    scribbles: Annotated[
        Path | None, typer.Option(help="All scribbles so far (lesion-clicks.json).")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Mask made elsewhere to correct (NIfTI, MHA or DICOM SEG)."),
    ] = None,
    region: Annotated[
        Path | None,
        typer.Option(
            help="Mask of an organ on the study's grid (above 0 is inside): only the box around it "
            "is segmented, the rest is no lesion but where foreground is drawn."
        ),
    ] = None,
    region_margin: Annotated[
        float, typer.Option(help="Share of each side of the region's box that is added around it.")
    ] = 0.05,
    region_only: Annotated[
        bool, typer.Option("--region-only", help="No lesion outside of the region itself either.")
    ] = False,
    segmenter: SegmenterOption = "default",
    option: OptionsOption = None,
    tracer: Annotated[str | None, typer.Option(help="fdg or psma, when known.")] = None,
    pet_series: Annotated[str | None, typer.Option(help="PET series, see inspect.")] = None,
    ct_series: Annotated[str | None, typer.Option(help="CT series, see inspect.")] = None,
    weight_kg: Annotated[
        float | None, typer.Option(help="Body weight when the header has none.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Segment the lesions of a study; with scribbles, correct the mask."""
    from lesionloop.cli.study_input import read_input, tell
    from lesionloop.output import output_file
    from lesionloop.progress import watched
    from lesionloop.scribbles import ScribbleSet
    from lesionloop.segmenters import load_segmenter

    _check_ending(out, from_dicom=dicom is not None)
    options = parse_options(option) | ({"start": str(start)} if start else {})
    _check_region(region, options, only=region_only)
    chosen = load_segmenter(segmenter, **options)
    begun = time.perf_counter()
    with output_file(out):
        if scribbles:
            ScribbleSet.read(scribbles)  # a bad file is refused before the study is read
        study = read_input(
            ct=ct, pet=pet, dicom=dicom, pet_series=pet_series, ct_series=ct_series,
            weight_kg=weight_kg, tracer=tracer,
        )  # fmt: skip
        drawn = ScribbleSet.read(scribbles, study.grid) if scribbles else ScribbleSet()
        if region:
            chosen = _within(chosen, region, study, region_margin, only=region_only)
        tell(study)
        read = time.perf_counter()
        with (
            progress("segmenting, %", 100) as shown,
            watched(lambda part: shown.update(round(100 * part))),
        ):
            session = chosen.open(study)
        mask = session.segment(drawn)
        segmented = time.perf_counter()
        _write(mask, study, out, chosen.name, automatic=not len(drawn))
    result = {
        "out": str(out),
        "case": study.name,
        "segmenter": chosen.name,
        "voxels": int(mask.sum()),
        "volume_ml": round(float(mask.sum()) * study.grid.voxel_ml, 3),
        "facts": dict(study.provenance.facts),
        "notes": list(study.provenance.notes),
        "seconds": {
            "read": round(read - begun, 3),
            "segment": round(segmented - read, 3),
            "write": round(time.perf_counter() - segmented, 3),
        },
    }
    if json:
        print_json(result)
    else:
        note(f"{result['volume_ml']} ml in {result['voxels']} voxels by {chosen.name}")
        typer.echo(str(out))


def _check_region(region: Path | None, options: dict[str, object], *, only: bool) -> None:
    if region is None and only:
        raise InputError("--region-only goes with --region", remedy="Give the mask of the region.")
    if region is not None and "start" in options:
        raise InputError(
            "--region does not go with a mask to start from",
            cause="That mask may reach out of the region's box, and the rest is no lesion.",
            remedy="Leave one of the two out.",
        )


def _within(
    segmenter: "Segmenter", region: Path, study: "Study", margin: float, *, only: bool
) -> "Segmenter":
    from lesionloop.imaging import read_label
    from lesionloop.segmenters.within import Within

    return Within(segmenter, read_label(region, study.grid), margin, region_only=only)


def _check_ending(out: Path, *, from_dicom: bool) -> None:
    from lesionloop.imaging.files import check_image_target, is_dicom_seg

    if not is_dicom_seg(out):
        check_image_target(out)
    elif not from_dicom:
        raise InputError(
            f"cannot write {out}",
            cause="A DICOM SEG refers to a PET series, and the study was not given as DICOM.",
            remedy="Give --dicom, or write .nii.gz or .mha.",
        )


def _write(
    mask: "NDArray[np.bool_]", study: "Study", out: Path, segmenter: str, *, automatic: bool
) -> None:
    from lesionloop.imaging.files import is_dicom_seg

    if is_dicom_seg(out):
        from lesionloop.imaging.dicom import write_dicom_seg

        write_dicom_seg(
            mask,
            study.grid,
            study.provenance.pet_files,
            out,
            algorithm=f"lesionloop {segmenter}",
            automatic=automatic,
        )
    else:
        from lesionloop.imaging import write_mask

        write_mask(mask, study, out)
