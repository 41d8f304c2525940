"""Trained nnU-Net v2 models as segmenters, computed by the package ``nnunetv2`` itself."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.imaging.study import require_suv
from lesionloop.packages import load_package, quiet
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.adapters.checkpoints import (
    require_networks,
    require_plain,
    weights_digest,
)
from lesionloop.segmenters.adapters.choices import choose_device, is_yes
from lesionloop.segmenters.adapters.nnunet_channels import (
    CHANNELS,
    CLICKS,
    DEFAULT_SIZE,
    AxisOrder,
    click_map,
)
from lesionloop.segmenters.options import require_number
from lesionloop.segmenters.protocol import honour

__all__ = ["NnUNet"]

_EXTRA = "nnunet"
_KINDS = CHANNELS[5]
_PLAIN_READERS = ("SimpleITKIO", "NibabelIO")
_TURNING_READER = "NibabelIOWithReorient"


@dataclass(frozen=True)
class NnUNet:
    """A folder that nnU-Net v2 has trained, ``nnunet:FOLDER`` by name.

    The mask is that of nnU-Net's own predictor, with every scribbled point set as it was drawn.
    A model without channels for scribbles gives the same mask whatever is drawn, but for these
    points.

    A model that wants the previous mask is given its own mask without scribbles (and for that one
    an empty previous mask): a session has no memory, and this mask is the only one that follows
    from the study alone. It sees all scribbles in one go and not step by step.

    Args:
        folder: with ``plans.json``, ``dataset.json`` and ``fold_N/checkpoint_final.pth``.
        clicks: how the model was trained to see scribbles: "voxel", "gaussian" or "distance", see
            `lesionloop.segmenters.adapters.nnunet_channels`. Must be given when it has channels for
            them: another way than in training gives bad masks without a warning.
        size: voxels; by default 3 for "gaussian" and 10 for "distance".
        channels: what each channel is, such as "ct,pet,foreground,background,previous"; None takes
            the usual order for 2, 4 and 5 channels.
        label: name or number of the lesions' label; None when the model has only one.
        folds: "0", "0,1", "all" (the fold trained on everything); None takes the numbered folds
            that are there. Several are averaged.
        checkpoint: file name in each fold's folder.
        device: "auto" (a GPU when there is one), "cpu", "cuda" or "cuda:1".
        mirroring: average over mirrored images as well; up to eight times slower.
        tile_step: step of the sliding window as a part of the patch.
        trust: load checkpoints that may run code.

    Raises:
        InputError: the folder is not such a model, or an option does not fit it.
    """

    folder: str
    clicks: str | None = None
    size: float | None = None
    channels: str | Sequence[str] | None = None
    label: str | int | None = None
    folds: str | int | Sequence[int] | None = None
    checkpoint: str = "checkpoint_final.pth"
    device: str = "auto"
    mirroring: bool | str = False
    tile_step: float = 0.5
    trust: bool | str = False
    model: "Model" = field(init=False)

    def __post_init__(self) -> None:
        require_number("tile_step", self.tile_step, above=0, below=1.0001)
        for name in ("mirroring", "trust"):
            object.__setattr__(self, name, is_yes(name, getattr(self, name)))
        model = Model.read(Path(str(self.folder)), str(self.checkpoint), self.folds)
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "channels", model.kinds(self.channels))
        model.label_values(self.label)
        self._check_clicks()

    def _check_clicks(self) -> None:
        draws = {"foreground", "background"} & set(self.channels or ())
        if self.clicks is None and draws:
            raise InputError(
                f"the model {self.folder} has channels for scribbles",
                cause="How they are drawn there is not written in a model.",
                remedy=f"Say how it was trained: -o clicks={' or '.join(CLICKS)}"
                " (the autoPET V baseline: voxel, that of autoPET IV: gaussian).",
            )
        if self.clicks is not None and self.clicks not in CLICKS:
            raise InputError(f"option clicks must be {' or '.join(CLICKS)}, not {self.clicks!r}")
        if self.size is not None:
            require_number("size", self.size, above=0, below=1000)

    @property
    def name(self) -> str:
        """ "nnunet-", the data set when the folder is in one, and the folder's name."""
        folder = self.model.folder.resolve()
        parts = [folder.parent.name] if folder.parent.name.startswith("Dataset") else []
        return "-".join(["nnunet", *parts, folder.name])

    @property
    def identity(self) -> dict[str, object]:
        """All that decides the mask; of the model, what its files hold.

        Raises:
            InputError: a file of the model cannot be read, or torch is not installed.
        """
        return {
            "name": self.name,
            "version": 1,
            "weights": weights_digest(self.model.files),
            "folds": list(self.model.folds),
            "channels": list(self.channels or ()),
            "clicks": self.clicks,
            "size": self._size,
            "label": list(self.model.label_values(self.label)),
            "mirroring": self.mirroring,
            "tile_step": self.tile_step,
            "device": choose_device(self.device),
        }

    @property
    def _size(self) -> float:
        return self.size or DEFAULT_SIZE.get(self.clicks or "", 0.0)

    @property
    def needs_pet(self) -> bool:
        """Whether one of its channels is the PET."""
        return "pet" in (self.channels or ())

    def open(self, study: Study) -> "NnUNetSession":
        """Load the model, once per process.

        Raises:
            InputError: the PET is not SUV, the study has no CT and the model needs one, nnU-Net is
                not installed, or the checkpoint cannot be loaded or may run code.
        """
        kinds = tuple(self.channels or ())
        if "pet" in kinds:
            require_suv(study)
        if "ct" in kinds and study.ct is None:
            raise InputError(
                f"{study.name} has no CT, and the model {self.folder} needs one",
                remedy="Give the CT, or a model that was trained on PET alone.",
            )
        model = self.model
        predictor = _load_predictor(
            model, weights_digest(model.files), choose_device(self.device),
            bool(self.mirroring), float(self.tile_step), bool(self.trust),
        )  # fmt: skip
        draw = (self.clicks or CLICKS[0], self._size)
        return NnUNetSession(self, study, predictor, draw)


class NnUNetSession:
    """A model at work on one study."""

    def __init__(
        self, options: NnUNet, study: Study, predictor: Any, draw: tuple[str, float]
    ) -> None:
        self._study, self._predictor, self._draw = study, predictor, draw
        self._kinds = tuple(options.channels or ())
        self._label = options.model.label_values(options.label)
        turns = options.model.turns
        self._order = AxisOrder.towards_ras(study.grid) if turns else AxisOrder()
        self._first: NDArray[np.bool_] | None = None

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask for all scribbles so far, bool [x, y, z].

        Raises:
            InputError: a point is outside the grid.
        """
        scribbles.check(self._study.grid)
        drawn = {"foreground", "background"} & set(self._kinds) and len(scribbles)
        if not drawn:
            return honour(self._without_scribbles().copy(), scribbles)
        previous = self._without_scribbles() if "previous" in self._kinds else None
        return honour(self._predict(scribbles, previous), scribbles)

    def _without_scribbles(self) -> NDArray[np.bool_]:
        if self._first is None:
            self._first = self._predict(ScribbleSet(), None)
        return self._first

    def _predict(
        self, scribbles: ScribbleSet, previous: NDArray[np.bool_] | None
    ) -> NDArray[np.bool_]:
        grid, order = self._study.grid, self._order
        image = np.empty(
            (len(self._kinds), *order.to_network(self._study.pet.values).shape), dtype=np.float32
        )
        for number, kind in enumerate(self._kinds):
            image[number] = order.to_network(self._channel(kind, scribbles, previous))
        properties = {"spacing": order.spacing(grid.spacing)}
        with quiet(), _kept_threads():
            found = self._predictor.predict_single_npy_array(image, properties)
        mask = np.isin(order.from_network(np.asarray(found)), self._label)
        return np.array(mask, dtype=bool, order="F")

    def _channel(
        self, kind: str, scribbles: ScribbleSet, previous: NDArray[np.bool_] | None
    ) -> NDArray[Any]:
        if kind == "pet":
            return self._study.pet.values
        if kind == "ct" and self._study.ct is not None:
            return self._study.ct.values
        shape = self._study.grid.shape
        if kind == "previous":
            return np.zeros(shape, dtype=np.float32) if previous is None else previous
        points = scribbles.foreground if kind == "foreground" else scribbles.background
        return click_map(points, shape, *self._draw)


@dataclass(frozen=True)
class Model:
    """What stands in the files of a trained model.

    Args:
        folder: where they are.
        files: plans, data set and the checkpoints that are used.
        folds: numbers, or "all".
        checkpoint: file name.
        names: channel names, in order.
        labels: label name to the values that belong to it; the background left out.
        turns: images are turned to RAS before the network sees them.
    """

    folder: Path
    files: tuple[Path, ...]
    folds: tuple[int | str, ...]
    checkpoint: str
    names: tuple[str, ...]
    labels: tuple[tuple[str, tuple[int, ...]], ...]
    turns: bool

    @classmethod
    def read(cls, folder: Path, checkpoint: str, folds: object) -> "Model":
        """Read ``plans.json`` and ``dataset.json``; the weights are read when they are needed.

        Raises:
            InputError: a file is missing or damaged, there is no such fold, or the model is of a
                kind that cannot stand alone.
        """
        plans = _read_json(folder / "plans.json")
        facts = _read_json(folder / "dataset.json")
        reader = plans.get("image_reader_writer", _PLAIN_READERS[0])
        if reader not in (*_PLAIN_READERS, _TURNING_READER):
            raise InputError(
                f"{folder} was not trained on volumes",
                cause=f"Its images are read by {reader}.",
                remedy="Give a model for NIfTI or MHA images.",
            )
        if Path(checkpoint).name != checkpoint:
            raise InputError(f"option checkpoint is a file name, not {checkpoint!r}")
        chosen = _folds(folder, checkpoint, folds)
        checkpoints = [folder / f"fold_{fold}" / checkpoint for fold in chosen]
        try:
            channels = facts["channel_names"]
            names = tuple(str(channels[key]) for key in sorted(channels, key=int))
            labels = tuple(
                (str(name), tuple(np.atleast_1d(values).astype(int).tolist()))
                for name, values in facts["labels"].items()
                if name not in ("background", "ignore")
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{folder / 'dataset.json'} is not a data set of nnU-Net v2",
                cause=f"Its channel_names or labels are missing or odd ({error}).",
            ) from error
        files = (folder / "plans.json", folder / "dataset.json", *checkpoints)
        return cls(
            folder, files, chosen, checkpoint, names, labels, turns=reader == _TURNING_READER
        )

    def kinds(self, given: str | Sequence[str] | None) -> tuple[str, ...]:
        """What each channel is, in order.

        Raises:
            InputError: what is given does not fit, or must be given.
        """
        count = len(self.names)
        words = given.split(",") if isinstance(given, str) else given
        kinds = tuple(word.strip().lower() for word in words) if words else CHANNELS.get(count, ())
        told = [name.strip().lower() for name in self.names]
        plain = bool(words) or all(
            name == kind for name, kind in zip(told, kinds, strict=False) if name in _KINDS
        )
        known = set(kinds) <= set(_KINDS) and len(set(kinds)) == len(kinds) == count
        if known and plain and {"pet", "ct"} & set(kinds):
            return kinds
        raise InputError(
            f"the model {self.folder} has {count} channels: {', '.join(self.names)}",
            cause=f"They are read as {', '.join(kinds) or 'nothing known'}.",
            remedy=f"Say what they are, each one of {', '.join(_KINDS)}:"
            " -o channels=ct,pet,foreground,background.",
        )

    def label_values(self, given: str | int | None) -> tuple[int, ...]:
        """Values of the lesions' label in a mask.

        Raises:
            InputError: there is no such label, or there are several and none is named.
        """
        labels = dict(self.labels)
        if given is None and len(labels) == 1:
            return next(iter(labels.values()))
        if str(given) in labels:
            return labels[str(given)]
        values = {value for values in labels.values() for value in values}
        if isinstance(given, int) and not isinstance(given, bool) and given in values:
            return (given,)
        raise InputError(
            f"the model {self.folder} has the labels {', '.join(labels)}"
            + ("" if given is None else f" and no {given!r}"),
            remedy="Say which are the lesions: -o label=NAME.",
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read {path}",
            cause=f"{error.strerror or error}.",
            remedy="Give the folder that nnU-Net has trained: plans.json, dataset.json, fold_0.",
        ) from error
    except ValueError as error:
        raise InputError(f"{path} is damaged", cause=f"{error}.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged", cause="It is not one JSON object.")
    return content


def _folds(folder: Path, checkpoint: str, given: object) -> tuple[int | str, ...]:
    there = {path.parent.name.removeprefix("fold_") for path in folder.glob(f"fold_*/{checkpoint}")}
    numbered = sorted(int(fold) for fold in there if fold.isdigit())
    if given is None:
        folds: list[int | str] = [*numbered] or [fold for fold in there if fold == "all"]
    else:
        words = given if isinstance(given, list | tuple) else str(given).split(",")
        texts = [str(word).strip() for word in words]
        folds = [int(text) if text.isdigit() else text for text in texts]
    missing = [fold for fold in folds if str(fold) not in there]
    if missing or not folds:
        raise InputError(
            f"{folder} has no fold {missing[0] if missing else 'at all'} with {checkpoint}",
            cause=f"Folds that have it: {', '.join(sorted(there)) or 'none'}.",
            remedy="Choose with -o folds=0 and -o checkpoint=checkpoint_best.pth.",
        )
    return tuple(folds)


@lru_cache(maxsize=1)  # of the size of the model; a cohort opens it for every case
def _load_predictor(
    model: Model, _: str, device: str, mirroring: bool, tile_step: float, trust: bool
) -> Any:
    if not trust:
        require_networks(_read_json(model.folder / "plans.json"), model.folder / "plans.json")
        for checkpoint in model.files[2:]:
            require_plain(checkpoint)
    package = load_package("nnunetv2.inference.predict_from_raw_data", _EXTRA)
    torch = load_package("torch", _EXTRA)
    with quiet():
        predictor = package.nnUNetPredictor(
            tile_step_size=tile_step,
            use_mirroring=mirroring,
            perform_everything_on_device=device != "cpu",
            device=torch.device(device),
            allow_tqdm=False,
        )
        try:
            predictor.initialize_from_trained_model_folder(
                str(model.folder), use_folds=model.folds, checkpoint_name=model.checkpoint
            )
        except Exception as error:  # of many kinds, from a file of others
            raise InputError(
                f"cannot load the model {model.folder}",
                cause=f"{type(error).__name__}: {error}".split("\n")[0],
                remedy="Check that it was trained by nnU-Net v2, and that a trainer of its own can"
                " be found (nnUNet_extTrainer).",
            ) from error
    if predictor.configuration_manager.previous_stage_name is not None:
        raise InputError(
            f"the model {model.folder} is the second stage of a cascade",
            remedy="Give a model of one stage, such as 3d_fullres.",
        )
    return predictor


@contextmanager
def _kept_threads() -> Iterator[None]:
    """nnU-Net sets the number of torch's threads and may leave it so."""
    torch = load_package("torch", _EXTRA)
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
