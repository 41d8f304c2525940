"""Damaged and impossible images, through every command that reads images."""

import gzip
import math
import os
import random
import time
import warnings
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Quantity, read_volume

Refused = Callable[..., str]
#: Writes a bad file to a path that ends as asked, from good values.
Damage = Callable[[Path, NDArray[Any]], object]


def _nifti(values: NDArray[Any], **header: object) -> bytes:
    """A NIfTI-1 file; ``header`` overwrites fields in the raw bytes, unchecked."""
    image = nib.Nifti1Image(values, np.diag([4.0, 5.0, 6.0, 1.0]))
    image.set_sform(image.affine, code=int(str(header.pop("sform_code", 1))))
    image.set_qform(image.affine, code=1)
    raw = np.frombuffer(image.to_bytes(), np.uint8).copy()
    view = raw[:348].view(nib.Nifti1Header.template_dtype)[0]
    for field, value in header.items():
        view[field] = value
    return raw.tobytes()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def _mha(values: NDArray[Any], *, packed: bool = False, **changes: str | None) -> bytes:
    """A MetaImage file; ``changes`` overwrite header lines."""
    kind = {"f": "MET_FLOAT", "i": "MET_SHORT", "u": "MET_UCHAR"}[values.dtype.kind]
    data = values.tobytes(order="F")
    data = zlib.compress(data) if packed else data
    fields: dict[str, str | None] = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": str(packed),
        "CompressedDataSize": str(len(data)) if packed else None,
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "0 0 0",
        "ElementSpacing": "4 5 6",
        "DimSize": " ".join(str(n) for n in values.shape),
        "ElementType": kind,
        **changes,
        "ElementDataFile": "LOCAL",
    }
    lines = [f"{key} = {value}\n" for key, value in fields.items() if value is not None]
    return "".join(lines).encode() + data


def _write_mha(path: Path, values: NDArray[Any], packed: bool) -> None:
    _write(path, _mha(values, packed=packed))


def _cut(keep: Callable[[int], int], write: Damage) -> Damage:
    def damage(path: Path, values: NDArray[Any]) -> None:
        write(path, values)
        content = path.read_bytes()
        path.write_bytes(content[: keep(len(content))])

    return damage


CUTS: dict[str, Callable[[int], int]] = {
    "at 0.05 %": lambda n: max(1, n * 5 // 10_000),
    "at 30 %": lambda n: n * 3 // 10,
    "at 90 %": lambda n: n * 9 // 10,
    "8 bytes short": lambda n: n - 8,
    "1 byte short": lambda n: n - 1,
}

NIFTI: dict[str, Damage] = {
    "text": lambda path, _: path.write_text("patient,suv\n1,2\n"),
    "empty file": lambda path, _: path.write_bytes(b""),
    "text, compressed": lambda path, _: path.write_bytes(gzip.compress(b"patient,suv\n" * 99)),
    "2-D": lambda path, v: _write(path, _nifti(v[:, :, 9])),
    "4-D": lambda path, v: _write(path, _nifti(np.stack([v, v], axis=3))),
    "RGB": lambda path, v: _write(
        path, _nifti(np.zeros(v.shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")]))
    ),
    "complex": lambda path, v: _write(path, _nifti(v.astype(np.complex64))),
    "vector": lambda path, v: _write(path, _nifti(np.stack([v] * 3, axis=3)[:, :, :, None])),
    "negative spacing": lambda path, v: _write(path, _nifti(v, pixdim=[1, 4, -5, 6, 0, 0, 0, 0])),
    "NaN spacing": lambda path, v: _write(
        path, _nifti(v, pixdim=[1, math.nan, 5, 6, 0, 0, 0, 0], sform_code=0)
    ),
    "zero spacing": lambda path, v: _write(
        path, _nifti(v, pixdim=[1, 4, 0, 6, 0, 0, 0, 0], sform_code=0)
    ),
    "axis without length": lambda path, v: _write(path, _nifti(v, srow_y=[0, 0, 0, 0])),
    "shear": lambda path, v: _write(path, _nifti(v, srow_x=[4, 1.5, 0, 0])),
    "infinite origin": lambda path, v: _write(path, _nifti(v, srow_x=[4, 0, 0, math.inf])),
    "no orientation": lambda path, v: _write(path, _nifti(v, sform_code=0, qform_code=0)),
    "no voxels": lambda path, v: _write(path, _nifti(v, dim=[3, 26, 0, 18, 1, 1, 1, 1])),
    "negative dimensions": lambda path, v: _write(path, _nifti(v, dim=[3, 26, -3, 18, 1, 1, 1, 1])),
    "10^13 voxels": lambda path, v: _write(
        path, _nifti(v, dim=[3, 25000, 20000, 20000, 1, 1, 1, 1])
    ),
    "unknown number type": lambda path, v: _write(path, _nifti(v, datatype=999)),
    "voxels at NaN": lambda path, v: _write(path, _nifti(v, vox_offset=math.nan)),
    "voxels far away": lambda path, v: _write(path, _nifti(v, vox_offset=1e30)),
    "intercept NaN": lambda path, v: _write(path, _nifti(v, scl_slope=2, scl_inter=math.nan)),
    **{
        f"cut {name}": _cut(keep, lambda path, v: _write(path, _nifti(v)))
        for name, keep in CUTS.items()
    },
}
MHA: dict[str, Damage] = {
    "text": NIFTI["text"],
    "empty file": NIFTI["empty file"],
    "2-D": lambda path, v: _write(
        path,
        _mha(v[:, :, 9], NDims="2", TransformMatrix="1 0 0 1", Offset="0 0", ElementSpacing="4 5"),
    ),
    "4-D": lambda path, v: _write(path, _mha(np.stack([v, v], axis=3), NDims="4")),
    "vector": lambda path, v: _write(
        path, _mha(np.stack([v] * 3), ElementNumberOfChannels="3", DimSize="26 22 18")
    ),
    "negative spacing": lambda path, v: _write(path, _mha(v, ElementSpacing="4 -5 6")),
    "zero spacing": lambda path, v: _write(path, _mha(v, ElementSpacing="4 0 6")),
    "NaN spacing": lambda path, v: _write(path, _mha(v, ElementSpacing="4 nan 6")),
    "spacing of two": lambda path, v: _write(path, _mha(v, ElementSpacing="4 5")),
    "shear": lambda path, v: _write(path, _mha(v, TransformMatrix="1 .3 0 0 1 0 0 0 1")),
    "flat direction": lambda path, v: _write(path, _mha(v, TransformMatrix="1 0 0 0 0 0 0 0 1")),
    "NaN direction": lambda path, v: _write(path, _mha(v, TransformMatrix="1 0 0 0 nan 0 0 0 1")),
    "infinite origin": lambda path, v: _write(path, _mha(v, Offset="0 inf 0")),
    "no DimSize": lambda path, v: _write(path, _mha(v, DimSize=None)),
    "no voxels": lambda path, v: _write(path, _mha(v, DimSize="26 0 18")),
    "10^13 voxels": lambda path, v: _write(path, _mha(v, DimSize="25000 20000 20000")),
    "10^21 voxels": lambda path, v: _write(path, _mha(v, DimSize="10000000 10000000 10000000")),
    "10^13 voxels, compressed": lambda path, v: _write(
        path, _mha(v, packed=True, DimSize="25000 20000 20000")
    ),
    "other file": lambda path, v: _write(
        path, _mha(v).replace(b"ElementDataFile = LOCAL", b"ElementDataFile = /etc/passwd")
    ),
    "unknown number type": lambda path, v: _write(path, _mha(v, ElementType="MET_OTHER")),
    "larger than packed": lambda path, v: _write(path, _mha(v, packed=True, DimSize="26 22 19")),
    "no real deflate": lambda path, v: _write(
        path, _mha(v, CompressedData="True", CompressedDataSize="41184")
    ),
    **{
        f"{kind}, cut {name}": _cut(keep, partial(_write_mha, packed=packed))
        for kind, packed in (("plain", False), ("compressed", True))
        for name, keep in CUTS.items()
    },
}
ALL = {".nii": NIFTI, ".nii.gz": NIFTI, ".mha": MHA}
#: Enough to see that a command passes the readers' refusals on.
FEW = ("text", "empty file", "4-D", "negative spacing", "10^13 voxels")


def _cases(names: tuple[str, ...] | None = None) -> list[Any]:
    return [
        pytest.param(ending, damage, id=f"{ending[1:]} {name}")
        for ending, kinds in ALL.items()
        for name, damage in kinds.items()
        if names is None or name in names
    ]


@pytest.mark.parametrize(("ending", "damage"), _cases())
def test_a_damaged_image_is_refused(
    refused: Refused, small: Any, tmp_path: Path, ending: str, damage: Damage
) -> None:
    label = small.write(tmp_path / f"label{ending}", small.label())
    bad, bad_mask = tmp_path / f"bad_a.b c_0001{ending}", tmp_path / f"bad mask{ending}"
    damage(bad, small.pet())
    damage(bad_mask, small.label())
    refused("segment", "--pet", bad, "--out", tmp_path / "out" / "mask.mha", says=(bad,))
    refused("score", "--prediction", bad_mask, "--reference", label, "--json", says=(bad_mask,))


@pytest.mark.parametrize(("ending", "damage"), _cases(FEW))
def test_every_command_refuses_damaged_images(
    refused: Refused, small: Any, tmp_path: Path, ending: str, damage: Damage
) -> None:
    out = tmp_path / "out"
    pet = small.write(tmp_path / f"good_0001{ending}", small.pet())
    label = small.write(tmp_path / f"good{ending}", small.label())
    bad, bad_label = tmp_path / f"bad_0000{ending}", tmp_path / f"bad label{ending}"
    damage(bad, small.pet())
    damage(bad_label, small.label())
    refused("segment", "--pet", pet, "--ct", bad, "--out", out / "mask.nii.gz", says=(bad,))
    refused("score", "--prediction", label, "--reference", bad_label, says=(bad_label,))
    drawing: tuple[object, ...] = ("--strategy", "random", "--out", out / "clicks.json")
    refused("simulate", "--reference", bad_label, *drawing, says=(bad_label,))
    refused(
        "simulate", "--reference", bad_label, "--prediction", label, *drawing, says=(bad_label,)
    )
    refused(
        "simulate", "--reference", label, "--prediction", bad_label, *drawing, says=(bad_label,)
    )


@pytest.mark.parametrize(("ending", "damage"), _cases(FEW))
@pytest.mark.parametrize("part", ["imagesTr/{}_0000", "imagesTr/{}_0001", "labelsTr/{}"])
def test_data_sets_with_a_damaged_image_are_refused(
    refused: Refused, small: Any, tmp_path: Path, *, ending: str, damage: Damage, part: str
) -> None:
    dataset = small.dataset(tmp_path / "dataset", ending=ending)
    scan = dataset / (part.format(small.name) + ending)
    damage(scan, small.label() if "labels" in part else small.pet())
    refused("convert", dataset, tmp_path / "out", says=(scan,))
    refused("evaluate", dataset, "--steps", "1", "--out", tmp_path / "out", says=(scan,))
    if "labels" in part:
        drawing = ("--strategy", "random", "--out", tmp_path / "out")
        refused("simulate", "--reference", scan.parent, *drawing, says=(scan,))
        refused("score", "--prediction", scan.parent, "--reference", scan.parent, says=(scan,))


@pytest.mark.parametrize("damage", [MHA[name] for name in FEW], ids=FEW)
@pytest.mark.parametrize("part", ["ct", "pet"])
def test_a_step_of_the_challenge_refuses_damaged_images(
    refused: Refused, small: Any, tmp_path: Path, damage: Damage, part: str
) -> None:
    challenge = small.challenge(tmp_path / "input")
    scan = challenge / "images" / part / "case 1.mha"
    damage(scan, small.pet())
    refused("grand-challenge", "--input", challenge, "--output", tmp_path / "out", says=(scan,))


def test_a_gzip_bomb_behind_a_small_header_is_not_unpacked(
    refused: Refused, small: Any, tmp_path: Path
) -> None:
    """A gigabyte of zeros in a megabyte: only what the header declares is read."""
    bad = tmp_path / "bomb.nii.gz"
    member = gzip.compress(bytes(1 << 20))  # a gzip file may have many members
    bad.write_bytes(gzip.compress(_nifti(np.zeros_like(small.pet()))) + 1000 * member)
    assert bad.stat().st_size < 2_000_000
    start = time.perf_counter()
    refused("segment", "--pet", bad, "--out", tmp_path / "out.mha", says=(bad, "empty"))
    assert time.perf_counter() - start < 2


def test_a_gzip_bomb_behind_a_large_header_is_refused(
    refused: Refused, tmp_path: Path, small: Any
) -> None:
    """The header declares more than a megabyte of DEFLATE could ever hold."""
    bad = tmp_path / "bomb.nii.gz"
    bad.write_bytes(
        gzip.compress(_nifti(small.pet(), dim=[3, 2000, 2000, 2000, 1, 1, 1, 1]) + bytes(1 << 24))
    )
    refused("segment", "--pet", bad, "--out", tmp_path / "out.mha", says=(bad, "32000000000"))


def test_a_file_larger_than_the_memory_is_refused(
    refused: Refused, small: Any, tmp_path: Path
) -> None:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    slices = memory // (30_000 * 10_000 * 4) + 1
    bad = tmp_path / "sparse.nii"
    with bad.open("wb") as stream:
        stream.write(_nifti(small.pet(), dim=[3, 30_000, 10_000, slices, 1, 1, 1, 1]))
        try:
            stream.truncate(30_000 * 10_000 * 4 * slices + 352)  # one hole, which takes no room
        except OSError as error:
            pytest.skip(f"the file system has no files of that size ({error})")
    refused("segment", "--pet", bad, "--out", tmp_path / "out.mha", says=(bad, "too large", "GB"))


PET_VALUES: dict[str, tuple[Callable[[NDArray[Any]], object], tuple[str, ...]]] = {
    "all zero": (lambda v: v.fill(0), ("empty", "from 0 to 0")),
    "all the same": (lambda v: v.fill(3), ("empty", "from 3 to 3")),
    "all below zero": (lambda v: np.subtract(v, 99, out=v), ("empty",)),
    "one NaN": (lambda v: v.__setitem__((3, 2, 1), np.nan), ("1 values", "(3, 2, 1)")),
    "all NaN": (lambda v: v.fill(np.nan), ("NaN",)),
    "infinite": (lambda v: v.__setitem__((25, 2, 1), np.inf), ("(25, 2, 1)",)),
    "minus infinite": (lambda v: v.__setitem__((0, 0, 1), -np.inf), ("(0, 0, 1)",)),
}


@pytest.mark.parametrize("ending", ALL)
@pytest.mark.parametrize(("change", "says"), PET_VALUES.values(), ids=PET_VALUES)
def test_a_pet_without_sense_is_refused(
    refused: Refused, small: Any, tmp_path: Path, *, ending: str, change: Any, says: tuple[str, ...]
) -> None:
    values = small.pet()
    change(values)
    out = tmp_path / "out"
    dataset = small.dataset(tmp_path / "dataset", ending=ending)
    pet = small.write(dataset / "imagesTr" / f"{small.name}_0001{ending}", values)
    refused("segment", "--pet", pet, "--out", out / "mask.mha", says=(pet, *says))
    refused("convert", dataset, out, says=(pet, *says))
    refused("evaluate", dataset, "--out", out, says=(pet, *says))
    if ending == ".mha":
        challenge = small.challenge(tmp_path / "input")
        pet = small.write(challenge / "images" / "pet" / "case 1.mha", values)
        arguments = ("grand-challenge", "--input", challenge, "--output", out)
        refused(*arguments, says=(pet, *says))


@pytest.mark.parametrize(
    "values", [np.nan, 0.5, -1.0, 3e9, np.inf], ids=["NaN", "half", "minus", "huge", "inf"]
)
def test_a_label_of_no_whole_numbers_is_refused(
    refused: Refused, files: Any, small: Any, tmp_path: Path, values: float
) -> None:
    label = small.label().astype(np.float32)
    label[3, 2, 1] = values
    bad = small.write(tmp_path / "bad label.nii.gz", label)
    refused("score", "--prediction", bad, "--reference", files.label, says=(bad, "label map"))
    refused("score", "--prediction", files.mask, "--reference", bad, says=(bad, "label map"))
    arguments = ("simulate", "--reference", bad, "--strategy", "boundary")
    refused(*arguments, "--out", tmp_path / "clicks.json", says=(bad, "label map"))


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        (("fdg_1_0000", "fdg_2_0001"), ("different cases", "fdg_1", "fdg_2")),
        (("fdg_1_0001", "fdg_1_0000"), ("exchanged",)),
    ],
    ids=["different patients", "exchanged"],
)
def test_ct_and_pet_that_their_names_part_are_refused(
    refused: Refused, small: Any, tmp_path: Path, channels: tuple[str, str], says: tuple[str, ...]
) -> None:
    ct = small.write(tmp_path / f"{channels[0]}.nii.gz", small.ct())
    pet = small.write(tmp_path / f"{channels[1]}.nii.gz", small.pet())
    arguments = ("segment", "--ct", ct, "--pet", pet, "--out", tmp_path / "mask.mha")
    refused(*arguments, says=(ct, pet, *says))


def test_ct_and_pet_apart_in_space_are_refused(
    refused: Refused, small: Any, tmp_path: Path
) -> None:
    """The PET is 26 x 4 mm wide; a CT as wide and 150 mm further leaves 46 mm between them."""
    dataset = small.dataset(tmp_path / "dataset")
    ct = dataset / "imagesTr" / f"{small.name}_0000.nii.gz"
    moved = small.affine.copy()
    moved[0, 3] += 150
    nib.save(nib.Nifti1Image(small.ct(), moved), ct)
    pet = dataset / "imagesTr" / f"{small.name}_0001.nii.gz"
    says = (ct, pet, "46.0 mm")
    arguments = ("segment", "--ct", ct, "--pet", pet, "--out", tmp_path / "mask.mha")
    refused(*arguments, says=says)
    refused("convert", dataset, tmp_path / "out", says=says)
    refused("evaluate", dataset, "--out", tmp_path / "out", says=says)


def test_masks_on_another_grid_are_refused(
    refused: Refused, files: Any, small: Any, tmp_path: Path
) -> None:
    moved = small.affine.copy()
    moved[2, 3] += 1.5
    shifted, smaller = tmp_path / "shifted.nii.gz", tmp_path / "smaller.nii.gz"
    nib.save(nib.Nifti1Image(small.mask(), moved), shifted)
    nib.save(nib.Nifti1Image(small.mask()[:, :, 1:], small.affine), smaller)
    for other, says in ((shifted, "1.5 mm"), (smaller, "(26, 22, 17)")):
        named = (other, files.label, says)
        refused("score", "--prediction", other, "--reference", files.label, says=named)
        arguments = ("simulate", "--reference", files.label, "--prediction", other)
        refused(*arguments, "--strategy", "random", "--out", tmp_path / "c.json", says=named)


@pytest.mark.parametrize("ending", ALL)
def test_no_header_makes_a_reader_stumble(small: Any, tmp_path: Path, ending: str) -> None:
    """Random bytes in headers: an image or a refusal that names the file, and no warning."""
    choose = random.Random(5)
    good = _mha(small.pet()) if ending == ".mha" else _nifti(small.pet())
    header = 300 if ending == ".mha" else 348
    path = tmp_path / f"x{ending}"
    outcomes = set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(150):
            content = bytearray(good)
            for _ in range(choose.randint(1, 4)):
                content[choose.randrange(header)] = choose.choice([0, 1, 127, 255, 48, 57])
            _write(path, bytes(content))
            try:
                read_volume(path, Quantity.SUV_BW)
                outcomes.add("read")
            except InputError as error:
                outcomes.add("refused by name" if str(path) in error.what else str(error))
    assert outcomes == {"read", "refused by name"}
