"""The loop of clicks that are fixed beforehand: a mask before any, and one after each.

The liver benchmark's interactive track: step ``n`` has the first ``n`` clicks of both classes.
Scores of the masks: ``lesionloop.metrics.liver.click_curve``.
"""

from lesionloop.imaging import Study
from lesionloop.interaction.loop import Attempts
from lesionloop.interaction.trace import TraceStep
from lesionloop.scribbles.clicks import CLICKS, Clicks
from lesionloop.segmenters import Segmenter

__all__ = ["run_clicks"]


def run_clicks(segmenter: Segmenter, study: Study, clicks: Clicks) -> list[TraceStep]:
    """Show clicks to a segmenter, one more of each class per step.

    Args:
        segmenter: makes the masks.
        study: what is segmented.
        clicks: of the case.

    Returns:
        11 steps, after 0 to 10 clicks; a class with fewer clicks has no more to add. ``scribble``
        of a step is its lesion click, or its background click where there is none.

    Raises:
        InputError: a click is outside of the study, or the segmenter refuses the study or gives a
            mask of another shape.
    """
    attempts = Attempts(segmenter, study)
    steps: list[TraceStep] = []
    for number in range(CLICKS + 1):
        shown = clicks.first(number)
        added = next((scribble for scribble in shown if scribble.step == number), None)
        before = steps[-1].mask if steps else None
        steps.append(attempts.step(number, shown, added=added, before=before))
    return steps
