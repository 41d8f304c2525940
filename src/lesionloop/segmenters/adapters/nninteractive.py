"""nnInteractive as segmenter, in this process or on a server.

Source: nnInteractive 2.6 (MIC-DKFZ), its sessions ``nnInteractiveInferenceSession`` (local) and
``nnInteractiveRemoteInferenceSession`` (client of ``nninteractive-server``), which have the same
methods. Code: Apache-2.0. Official weights: CC BY-NC-SA 4.0, no commercial use.
"""

import json
import logging
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study, read_label, require_same_grid
from lesionloop.packages import load_package, quiet
from lesionloop.progress import tell
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.adapters.checkpoints import (
    require_networks,
    require_plain,
    weights_digest,
)
from lesionloop.segmenters.adapters.choices import choose_device, is_yes
from lesionloop.segmenters.options import file_hash
from lesionloop.segmenters.protocol import StepFailureError, honour, point_sets
from lesionloop.segmenters.strokes import find_strokes

__all__ = ["LICENCE", "NnInteractive", "flat_strokes"]

logger = logging.getLogger(__name__)

#: Of the official weights.
LICENCE = "CC BY-NC-SA 4.0"

_EXTRA = "nninteractive"
_OFFICIAL = "Dataset225_nnInteractiveV2"
_IMAGES = ("pet", "ct")
_PROMPTS = ("scribble", "point")


@dataclass(frozen=True)
class NnInteractive:
    """nnInteractive, ``nninteractive:FOLDER`` or ``nninteractive:http://SERVER:1527`` by name.

    It sees one image and one object. All strokes are replayed on a session without any, foreground
    before background, slice by slice, with a prediction after each: so the mask is a function of
    the points alone, and its price grows with their number. It has no first pass: without a
    foreground stroke the mask is empty, or ``start``. Every scribbled point is then set as it was
    drawn.

    Args:
        model: folder of the weights, or the address of a server. Nothing is downloaded.
        accept_licence: "yes" accepts the licence of the weights; of the official ones, `LICENCE`.
        image: "pet" or "ct".
        prompt: "scribble" gives strokes as they are; "point" gives the voxel nearest the middle of
            each.
        start: a mask made elsewhere to correct: NIfTI, MHA or DICOM SEG on the PET grid.
        autozoom: look at a wider field when a change reaches the border.
        fold: of the weights' folder; None when there is only one.
        checkpoint: file name in the fold's folder.
        device: "auto" (a GPU when there is one), "cpu", "cuda" or "cuda:1"; not for a server.
        trust: load a checkpoint that may run code.
        timeout_s: longest wait for an answer of a server.

    Raises:
        InputError: there is no such folder, the licence is not accepted, or an option is not known.
    """

    model: str = ""
    accept_licence: bool | str = False
    image: str = "pet"
    prompt: str = "scribble"
    start: str | None = None
    autozoom: bool | str = True
    fold: int | str | None = None
    checkpoint: str = "checkpoint_final.pth"
    device: str = "auto"
    trust: bool | str = False
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("accept_licence", "autozoom", "trust"):
            object.__setattr__(self, name, is_yes(name, getattr(self, name)))
        for name, known in (("image", _IMAGES), ("prompt", _PROMPTS)):
            if getattr(self, name) not in known:
                raise InputError(
                    f"option {name} must be {' or '.join(known)}, not {getattr(self, name)!r}"
                )
        for name in ("model", "start"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(getattr(self, name)))
        if not self.model:
            raise InputError(
                "nnInteractive needs its weights",
                cause="Nothing is downloaded here, and the official weights forbid commercial use"
                f" ({LICENCE}).",
                remedy="Give a folder or a server: nninteractive:FOLDER,"
                " nninteractive:http://HOST:1527.",
            )
        if not self.is_remote:
            self.require_licence(_stated_licence(Path(self.model)))
            self.files  # noqa: B018  (looks whether they are there)

    @property
    def is_remote(self) -> bool:
        """Whether a server computes."""
        return self.model.startswith(("http://", "https://"))

    def require_licence(self, stated: str | None) -> None:
        """Refuse to go on without consent, and say to what.

        Raises:
            InputError: the licence is not accepted.
        """
        told = stated or f"not stated; that of the official weights is {LICENCE}"
        if not self.accept_licence:
            raise InputError(
                f"the licence of the weights {self.model} is not accepted",
                cause=f"Licence: {told}.",
                remedy="When you accept it, say so: -o accept_licence=yes.",
            )
        logger.info("licence of the weights %s: %s", self.model, told)

    @property
    def files(self) -> tuple[Path, ...]:
        """What decides the mask in a folder of weights, the checkpoint last.

        Raises:
            InputError: a file is missing, or there are several folds and none is chosen.
        """
        folder = Path(self.model)
        if Path(self.checkpoint).name != self.checkpoint:
            raise InputError(f"option checkpoint is a file name, not {self.checkpoint!r}")
        folds = sorted(path.parent.name for path in folder.glob(f"fold_*/{self.checkpoint}"))
        wanted = f"fold_{self.fold}" if self.fold is not None else None
        if wanted not in folds and not (wanted is None and len(folds) == 1):
            raise InputError(
                f"{folder} is no folder of weights of nnInteractive",
                cause=f"Of folds with {self.checkpoint} it has {', '.join(folds) or 'none'}.",
                remedy="Give the folder with plans.json and fold_0, and -o fold=N when it has"
                " several.",
            )
        described = [folder / name for name in ("inference_info.json",) if (folder / name).exists()]
        described = described or [folder / "inference_session_class.json"]
        named = [folder / "plans.json", folder / "dataset.json", *described]
        for path in named:
            if not path.is_file():
                raise InputError(
                    f"{folder} is no folder of weights of nnInteractive",
                    cause=f"It has no {path.name}.",
                )
        return (*named, folder / (wanted or folds[0]) / self.checkpoint)

    @property
    def name(self) -> str:
        """Registered name."""
        return "nninteractive"

    @property
    def identity(self) -> dict[str, object]:
        """All that decides the mask; of a server only its address, for it does not tell its model.

        Raises:
            InputError: a file cannot be read, or torch is not installed.
        """
        local = not self.is_remote
        return {
            "name": self.name,
            "version": 1,
            "server": None if local else self.model,
            "weights": weights_digest(self.files) if local else None,
            "image": self.image,
            "prompt": self.prompt,
            "autozoom": self.autozoom,
            "start": None if self.start is None else file_hash(self.start),
            "device": choose_device(self.device) if local else None,
        }

    @property
    def needs_pet(self) -> bool:
        """Whether the PET is the image that it sees."""
        return self.image == "pet"

    def open(self, study: Study) -> "NnInteractiveSession":
        """Load the model or claim a place on the server, and hand over the image.

        Raises:
            InputError: the study lacks the image, the start mask is damaged or on another grid,
                the package is not installed, the weights cannot be loaded or may run code, or the
                server cannot be reached or does not let us in.
        """
        if self.start is None:
            return self._session(study, None)
        label = read_label(self.start, study.grid)
        require_same_grid(label, study.pet)
        return self._session(study, label.mask())

    def open_from(self, study: Study, mask: NDArray[np.bool_]) -> "NnInteractiveSession":
        """Start with a mask made elsewhere, bool [x, y, z], as option ``start`` does.

        Raises:
            InputError: as `open`.
        """
        return self._session(study, mask)

    def _session(self, study: Study, start: NDArray[np.bool_] | None) -> "NnInteractiveSession":
        if self.needs_pet and not study.has_pet:
            raise InputError(f"{study.name} has no PET", remedy="Use -o image=ct.")
        volume = study.pet if self.image == "pet" else study.ct
        if volume is None:
            raise InputError(f"{study.name} has no CT", remedy="Use -o image=pet, or give the CT.")
        return NnInteractiveSession(self, study, volume.values, start)

    def connect(self) -> Any:
        """A session of nnInteractive, without an image.

        Raises:
            InputError: see `open`.
        """
        return _remote(self) if self.is_remote else _local(self)


class NnInteractiveSession:
    """A session of nnInteractive that replays all strokes at every step."""

    def __init__(
        self,
        options: NnInteractive,
        study: Study,
        values: NDArray[Any],
        start: NDArray[np.bool_] | None,
    ) -> None:
        self._options, self._grid = options, study.grid
        # nnU-Net, from which it comes, looks at arrays [z, y, x].
        self._image = np.ascontiguousarray(values.T[None], dtype=np.float32)
        self._start = None if start is None else np.ascontiguousarray(start.T, dtype=np.uint8)
        self._inner: Any = None
        self._buffer = np.zeros(self._image.shape[1:], dtype=np.uint8)
        self._prepare()

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask for all scribbles so far, bool [x, y, z].

        Raises:
            InputError: a point is outside the grid.
            StepFailureError: the server failed, or was out of reach.
        """
        scribbles.check(self._grid)
        found = self._replay(scribbles)
        return honour(np.array(found.T > 0, dtype=bool, order="F"), scribbles)

    def _prepare(self) -> None:
        inner = self._options.connect()
        if self._options.is_remote:
            # Its own thread keeps the client alive, and with it the place on the server.
            weakref.finalize(self, inner.close)
        try:
            with quiet():
                inner.set_image(self._image)
                inner.set_target_buffer(self._buffer)
                if (working := getattr(inner, "preprocess_future", None)) is not None:
                    working.result()  # of a thread that prints, and may refuse the image
        except Exception as error:
            if self._options.is_remote:
                raise _out_of_reach(self._options.model, error) from error
            raise InputError(
                f"nnInteractive cannot work on the {self._options.image}", cause=f"{error}"
            ) from error
        self._inner = inner

    def _replay(self, scribbles: ScribbleSet) -> NDArray[np.uint8]:
        foreground, background = point_sets(scribbles, self._grid.shape)
        if not len(foreground) and self._start is None:
            return np.zeros_like(self._buffer)
        strokes = [
            (points[:, ::-1], include)
            for flat, include in ((foreground, True), (background, False))
            for points in flat_strokes(flat, self._grid.shape)
        ]
        if not self._options.is_remote:
            return self._add(strokes)
        try:
            try:
                return self._add(strokes)
            except Exception as error:
                if type(error).__name__ != "SessionExpiredError":
                    raise
                # The place was given away after a pause: claim another one and replay all.
                self._prepare()
                return self._add(strokes)
        except Exception as error:  # of the network and of HTTP
            raise StepFailureError(f"nnInteractive's server failed: {error}") from error

    def _add(self, strokes: list[tuple[NDArray[np.int64], bool]]) -> NDArray[np.uint8]:
        with quiet():
            self._inner.reset_interactions()  # empties the buffer, too
            if self._start is not None:
                self._inner.add_initial_seg_interaction(self._start, run_prediction=False)
            for number, (points, include) in enumerate(strokes):
                tell(number / len(strokes))
                if self._options.prompt == "point":
                    self._inner.add_point_interaction(_middle(points), include_interaction=include)
                else:
                    drawn, box = _crop(points)
                    self._inner.add_scribble_interaction(
                        drawn, include_interaction=include, interaction_bbox=box
                    )
        return self._buffer


def flat_strokes(flat: NDArray[np.intp], shape: tuple[int, int, int]) -> list[NDArray[np.int64]]:
    """Strokes that lie in one axial slice each, (n, 3) of x, y, z, ascending by slice.

    Args:
        flat: indices of the points, C order of ``shape``.
        shape: of the grid, x, y, z.
    """
    slices = np.unravel_index(flat, shape)[2]
    return [
        stroke.points
        for z in np.unique(slices)
        for stroke in find_strokes(flat[slices == z], shape, (1.0, 1.0, 1.0))
    ]


def _middle(points: NDArray[np.int64]) -> tuple[int, int, int]:
    """The point nearest the mean; of several, the first."""
    distance = np.square(points - points.mean(axis=0)).sum(axis=1)
    z, y, x = (int(index) for index in points[int(np.argmin(distance))])
    return z, y, x


def _crop(points: NDArray[np.int64]) -> tuple[NDArray[np.uint8], list[list[int]]]:
    """A stroke as a small mask, and the half-open box in which it lies."""
    low, high = points.min(axis=0), points.max(axis=0) + 1
    drawn = np.zeros(tuple(high - low), dtype=np.uint8)
    drawn[tuple((points - low).T)] = 1
    return drawn, [[int(a), int(b)] for a, b in zip(low, high, strict=True)]


def _stated_licence(folder: Path) -> str | None:
    """First line of the file LICENSE, or what is known of the official weights."""
    try:
        text = (folder / "LICENSE").read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
    except OSError:
        lines = []
    if lines:
        return lines[0][:200]
    try:
        official = json.loads((folder / "plans.json").read_text())["dataset_name"] == _OFFICIAL
    except (OSError, ValueError, KeyError, TypeError):
        official = False
    return LICENCE if official else None


def _local(options: NnInteractive) -> Any:
    files, torch = options.files, load_package("torch", _EXTRA)
    if not options.trust:
        plans = Path(options.model) / "plans.json"
        require_networks(json.loads(plans.read_text(encoding="utf-8")), plans)
        require_plain(files[-1])
    package = load_package("nnInteractive.inference.inference_session", _EXTRA)
    with quiet():
        session = package.nnInteractiveInferenceSession(
            device=torch.device(choose_device(options.device)),
            torch_n_threads=torch.get_num_threads(),
            do_autozoom=options.autozoom,
        )
        try:
            session.initialize_from_trained_model_folder(
                options.model,
                use_fold=files[-1].parent.name.removeprefix("fold_"),
                checkpoint_name=options.checkpoint,
            )
        except Exception as error:  # of many kinds, from a file of others
            raise InputError(
                f"cannot load the weights {options.model}",
                cause=f"{type(error).__name__}: {error}".split("\n")[0],
            ) from error
    _require_prompt(session, options)
    return session


def _remote(options: NnInteractive) -> Any:
    package = load_package("nnInteractive.inference.remote", _EXTRA)
    try:
        with quiet():
            session = package.nnInteractiveRemoteInferenceSession(
                options.model, read_timeout=options.timeout_s
            )
    except Exception as error:  # of the network, of HTTP, or that the server is full
        raise _out_of_reach(options.model, error) from error
    try:
        stated = None if session.license in (None, "!!MISSING!!") else str(session.license)
        options.require_licence(stated)
        _require_prompt(session, options)
        session.set_do_autozoom(bool(options.autozoom))
    except BaseException:
        session.close()
        raise
    return session


def _out_of_reach(server: str, error: Exception) -> InputError:
    return InputError(
        f"cannot use the server {server}",
        cause=f"{type(error).__name__}: {error}".split("\n")[0],
        remedy="Check that nninteractive-server runs there and has a free place; a key is read"
        " from NN_INTERACTIVE_API_KEY.",
    )


def _require_prompt(session: Any, options: NnInteractive) -> None:
    key = {"scribble": "scribble", "point": "points"}[options.prompt]
    known = [name for name, able in session.supported_interactions.items() if able]
    if key not in known:
        raise InputError(
            f"the model {options.model} does not understand {key}",
            cause=f"It knows {', '.join(known) or 'nothing'}.",
            remedy="Use -o prompt=point or -o prompt=scribble.",
        )
