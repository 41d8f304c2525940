"""What the autoPET tables say of a study: ``fdg_metadata.csv`` and ``psma_metadata.csv``.

The FDG table has a row per series (``Subject ID``, ``Study Date``, ``File Location``,
``Manufacturer``, ``diagnosis``, ``age`` as in 060Y, ``sex``), the PSMA table a row per study
(``Subject ID``, ``Study Date``, ``age``, ``manufacturer_model_name``, ``pet_radionuclide``,
``ct_contrast_agent``).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lesionloop.datasets.autopet_names import AutoPetName, parse_name, study_date
from lesionloop.datasets.case_source import Fact, agreeing
from lesionloop.datasets.source_files import read_table, require_inside

__all__ = ["FILES", "AutoPetMetadata", "common_facts"]

#: Tables by the tracer that they are about.
FILES = {"fdg": "fdg_metadata.csv", "psma": "psma_metadata.csv"}

#: Facts that many tables have, under the names that they go by, in lower case.
_COLUMNS = {
    "age_years": ("age", "patient age"),
    "sex": ("sex", "patient sex", "gender"),
    "device": ("manufacturer_model_name", "manufacturer model name", "scanner", "device"),
    "manufacturer": ("manufacturer",),
    "centre": ("centre", "center", "site", "institution", "hospital"),
    "diagnosis": ("diagnosis",),
    "radionuclide": ("pet_radionuclide", "radionuclide"),
}
_AGE = re.compile(r"0*(\d{1,3}(?:\.\d+)?)\s*Y?", re.IGNORECASE)


class AutoPetMetadata:
    """The tables of a data set.

    Args:
        folders: where they may stand; the first that has a table counts.
        inside: the data set, out of which no link may lead.

    Raises:
        InputError: a table cannot be read, or is no table.
    """

    def __init__(self, folders: Sequence[Path], inside: Path) -> None:
        self._rows: dict[str, dict[str, list[Mapping[str, str]]]] = {}
        for tracer, name in FILES.items():
            path = next((f / name for f in folders if (f / name).is_file()), None)
            if path is not None:
                by_subject = self._rows.setdefault(tracer, {})
                for row in read_table(require_inside(path, inside)):
                    by_subject.setdefault(row.get("Subject ID", ""), []).append(row)

    def of(self, case: str) -> tuple[dict[str, str], tuple[str, ...]]:
        """Columns for a case, by its name, and notes.

        Only what all rows of the study agree in; when the study cannot be told from the patient's
        others, what all the patient's rows agree in.
        """
        name = parse_name(case)
        if name is None or name.tracer not in self._rows:
            return {}, ()
        rows = self._rows[name.tracer].get(name.subject, [])
        if not rows:
            return {}, (f"{FILES[name.tracer]} has no row for {name.subject}.",)
        chosen = _of_study(rows, name)
        if not chosen:
            note = f"{FILES[name.tracer]} has rows for {name.subject}, but none for this study."
            return agreeing(rows), (note,)
        return agreeing(chosen), ()


def common_facts(metadata: Mapping[str, str]) -> dict[str, Fact]:
    """Age in years, sex, device, centre and the like, where a table has such a column."""
    by_name = {column.lower(): value for column, value in metadata.items()}
    facts: dict[str, Fact] = {}
    for fact, columns in _COLUMNS.items():
        value = next((by_name[column] for column in columns if by_name.get(column)), None)
        if value is None:
            continue
        if fact == "age_years":
            years = _AGE.fullmatch(value)
            if years:
                facts[fact] = float(years[1])
        else:
            facts[fact] = value
    return facts


def _of_study(rows: Sequence[Mapping[str, str]], name: AutoPetName) -> list[Mapping[str, str]]:
    """A patient's rows that are about one study: by the folder that they name, else by the date."""
    place = f"/{name.subject}/{name.study}/"
    located = [
        row for row in rows if place in f"{row.get('File Location', '')}/".replace("\\", "/")
    ]
    if located:
        return located
    when = study_date(name.study)
    return [row for row in rows if when and study_date(row.get("Study Date", "")) == when]
