"""What is drawn is the mask; where strokes meet the later one holds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.imaging.study import Provenance
from lesionloop.scribbles import ScribbleSet
from lesionloop.scribbles.scribble import Label
from lesionloop.viewer.drawn_only import DrawnOnly

SHAPE = (4, 3, 5)
GRID = Grid(SHAPE, (4.0, 5.0, 6.0))
STUDY = Study(
    Volume(np.zeros(SHAPE, dtype=np.float32), GRID, Quantity.BQ_ML, "made"),
    None, name="made", tracer=None, provenance=Provenance(files={}),
)  # fmt: skip
POINT = st.tuples(*(st.integers(0, n - 1) for n in SHAPE))
LABELS: list[Label] = ["foreground", "background"]
STROKES = st.lists(
    st.tuples(st.sampled_from(LABELS), st.lists(POINT, min_size=1, max_size=6)), max_size=12
)


@given(STROKES, st.booleans())
def test_a_voxel_is_what_was_last_drawn_on_it(
    strokes: list[tuple[Label, list[tuple[int, int, int]]]], begun: bool
) -> None:
    start = np.indices(SHAPE).sum(axis=0) % 2 == 0 if begun else None
    before = None if start is None else start.copy()
    scribbles = ScribbleSet()
    for label, points in strokes:
        scribbles = scribbles.add(points, label)
    mask = DrawnOnly(STUDY, start).segment(scribbles)
    for voxel in np.ndindex(SHAPE):
        drawn = [label for label, points in strokes if voxel in points]
        given_ = bool(start[voxel]) if start is not None else False
        assert mask[voxel] == (drawn[-1] == "foreground" if drawn else given_)
    assert start is None or (start == before).all()
