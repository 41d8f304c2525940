"""Algorithms from outside: real processes in the challenge's folder layout."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.interaction import SimulatedReader, run_loop
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.protocol import StepFailureError

StudyMaker = Callable[..., Study]

#: Segments with the threshold segmenter of this package, through its container's entry point.
THRESHOLD = """#!/bin/sh
exec {python} -c "from lesionloop.cli import main; main()" grand-challenge \
  --segmenter threshold --input "$1" --output "$2"
"""


def program(folder: Path, text: str, name: str = "run.sh") -> str:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return f"command:{path}"


@pytest.fixture
def study(make_study: StudyMaker) -> Study:
    pet = np.full((16, 14, 12), 0.5, np.float32)
    pet[4:8, 4:8, 4:8] = 9.0
    return make_study(pet)


def test_a_command_gives_the_mask_that_its_program_gives(study: Study, tmp_path: Path) -> None:
    name = program(tmp_path, THRESHOLD.format(python=sys.executable))
    scribbles = ScribbleSet().add([[12, 10, 9]], "foreground").add([[5, 5, 5]], "background")
    outside, inside = load_segmenter(name).open(study), load_segmenter("threshold").open(study)
    for points in (ScribbleSet(), scribbles):
        np.testing.assert_array_equal(outside.segment(points), inside.segment(points))


def test_a_link_is_run_under_its_own_name(study: Study, tmp_path: Path) -> None:
    """The Python of a virtual environment is a link that knows by its name where it is."""
    say = '#!/bin/sh\necho "run as $0" >&2\nexit 3\n'
    (tmp_path / "real").mkdir()
    program(tmp_path / "real", say, "tool")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "tool")
    session = load_segmenter(f"command:{tmp_path / 'link'}").open(study)
    with pytest.raises(StepFailureError, match=f"run as {tmp_path}/link"):
        session.segment(ScribbleSet())


def test_what_goes_wrong_is_told_step_by_step(study: Study, tmp_path: Path) -> None:
    for text, message in (
        ("#!/bin/sh\necho no weights >&2; exit 3\n", "ended with 3: no weights"),
        ("#!/bin/sh\nexit 0\n", "left 0 masks"),
        (
            '#!/bin/sh\necho x > "$2/images/tumor-lesion-segmentation/a.mha"\n',
            "mask cannot be read",
        ),
    ):
        with pytest.raises(StepFailureError, match=message):
            load_segmenter(program(tmp_path, text)).open(study).segment(ScribbleSet())


def test_a_command_that_hangs_is_ended_with_all_its_children(
    study: Study, tmp_path: Path, process_ends: Callable[..., bool]
) -> None:
    note = tmp_path / "child"
    name = program(tmp_path, f"#!/bin/sh\nsleep 300 &\necho $! > {note}\nwait\n")
    start = time.monotonic()
    with pytest.raises(StepFailureError, match="longer than 1 s"):
        load_segmenter(name, timeout_s=1).open(study).segment(ScribbleSet())
    assert time.monotonic() - start < 20
    child = int(note.read_text())
    assert process_ends(child), "the child lives on"


def test_memory_is_limited(study: Study, tmp_path: Path) -> None:
    name = program(tmp_path, f"#!/bin/sh\nexec {sys.executable} -c 'x = bytearray(2**31)'\n")
    with pytest.raises(StepFailureError, match="MemoryError"):
        load_segmenter(name, memory_gib=1).open(study).segment(ScribbleSet())


def test_the_loop_goes_on_after_a_failed_step(study: Study, tmp_path: Path) -> None:
    """It crashes at the second step; the third sees the scribbles of both."""
    counter = tmp_path / "count"
    crash = f'#!/bin/sh\necho x >> {counter}\n[ "$(wc -l < {counter})" = 2 ] && exit 7\n'
    name = program(tmp_path, crash + THRESHOLD.format(python=sys.executable).split("\n", 1)[1])
    reference = np.zeros((16, 14, 12), bool)
    reference[4:8, 4:8, 4:8] = True
    reference[11:14, 9:12, 8:11] = True
    trace = run_loop(load_segmenter(name), study, SimulatedReader(reference, "random"), steps=2)
    assert [step.failure is None for step in trace.steps] == [True, False, True]
    assert "ended with 7" in str(trace.steps[1].failure)
    assert trace.steps[1].mask is trace.steps[0].mask
    assert len(trace.scribbles) == 2


def test_names_and_options(tmp_path: Path) -> None:
    name = program(tmp_path, "#!/bin/sh\n", "my tool")
    quoted = f"command:'{tmp_path / 'my tool'}' --fast"
    segmenter = load_segmenter(quoted, timeout_s=5)
    assert segmenter.name == "command-my tool"
    before = segmenter.identity
    program(tmp_path, "#!/bin/sh\n# new\n", "my tool")
    assert load_segmenter(quoted, timeout_s=5).identity["file"] != before["file"]
    for wrong, options, message in (
        ("command:", {}, "no program"),
        ("command:./nothing-there", {}, "no program"),
        ("command:'", {}, "cannot read the command"),
        (quoted, {"timeout_s": 0}, "timeout_s"),
        (quoted, {"program": "x"}, "no option 'program'"),
        (name, {}, "no program"),  # a space without quotes
    ):
        with pytest.raises(InputError, match=message):
            load_segmenter(wrong, **options)
