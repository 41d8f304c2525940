"""Activity: sums of gaps, without pauses."""

import pytest

from lesionloop.viewer.timings import active_seconds


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ([], 0), ([5], 0), ([0, 10, 30], 30), ([0, 60, 121, 131], 70),
        ([0, 3600, 3610], 10), ([10, 5, 8], 3),  # a clock that was set back
    ],
)  # fmt: skip
def test_pauses_do_not_count(times: list[float], seconds: float) -> None:
    assert active_seconds(times) == seconds
