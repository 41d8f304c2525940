"""Templates: protocols that are ready but for their readers and cases.

``annotation-time`` is the comparison of section "annotation time" of the SegAnyPET paper (arXiv
2603.11627): two readers, full manual delineation against prompts until satisfied, two scenarios. It
reports 82.37 % and 82.95 % of time saved, and neither the number of cases, the order, a washout,
the tool, seconds, prompts nor the quality of either arm; what is not reported is a choice here, and
says so.
"""

import json
from collections.abc import Sequence
from typing import Final

from lesionloop.errors import InputError
from lesionloop.reader_study.protocol import Protocol, parse_protocol

__all__ = ["TEMPLATES", "fill_template"]

_ANNOTATION_TIME: Final = """\
# Annotation time: full manual delineation against scribbles on a computed mask.
# After the annotation-time study of SegAnyPET (arXiv 2603.11627): two readers, each alone; arm 1
# manual, arm 2 prompts until satisfied. The paper reports no number of cases, no order, no washout
# and no seconds. Lines marked "choice" are ours: change them before the first reading, not after.

title = "Annotation time"

# crossover: each reader reads each case in both arms, half of the cases in each arm first. (choice)
design = "crossover"
arms = ["manual", "assisted"]

# Of the assignment and the order of cases. (choice)
seed = {seed}

# Days from a reader's last reading of the first period to the first of the second, so that cases
# are forgotten. (choice: the paper reports none)
washout_days = 14

# The paper had two experienced physicians.
readers = {readers}

# Names of studies in the data folder. Keep one protocol for each disease, as the paper did.
cases = {cases}

# Shown to readers. (choice)
instructions = \"\"\"
Read the cases in the order given, each in one sitting where you can. Segment every lesion of the
disease in question, and nothing else. Press Done when you would sign the result. Time in which the
page is hidden or nothing is done for more than a minute is not counted.
\"\"\"

[arm_text]
manual = "Draw every lesion in full; background takes away. Nothing is computed."
assisted = "Correct the computed mask with scribbles until you are satisfied."
"""

TEMPLATES: Final = {"annotation-time": _ANNOTATION_TIME}


def fill_template(
    name: str, *, readers: Sequence[str], cases: Sequence[str], seed: int = 1
) -> tuple[str, Protocol]:
    """The text of a protocol, with comments, and the protocol that it says.

    Args:
        name: one of `TEMPLATES`.
        readers: their names.
        cases: names of the studies.
        seed: of the assignment.

    Raises:
        InputError: no such template, or readers or cases that a protocol cannot have.
    """
    if name not in TEMPLATES:
        raise InputError(
            f"there is no template {name!r}", remedy=f"Known are {', '.join(TEMPLATES)}."
        )
    text = TEMPLATES[name].format(seed=seed, readers=_array(readers), cases=_array(cases))
    return text, parse_protocol(text, "the protocol")


def _array(names: Sequence[str]) -> str:
    """A TOML array of strings, one a line: a JSON string is a TOML string."""
    lines = "".join(f"    {json.dumps(name, ensure_ascii=False)},\n" for name in names)
    return f"[\n{lines}]"
