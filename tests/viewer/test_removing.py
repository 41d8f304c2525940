"""Fetched studies are taken out like uploads; the PACS need not be there for it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionloop.viewer.client import RefusedError

DIGESTS = ("0a" * 10, "1b" * 10)


@pytest.fixture
def served(start: Callable[..., Any], data: Path, tmp_path: Path) -> Any:
    """A server, started without a PACS, with two studies that an earlier run has fetched."""
    for digest in DIGESTS:
        place = tmp_path / "state" / "fetched" / digest / f"2024-01-10 {digest[:6]}"
        place.mkdir(parents=True)
        for which, name in (("0000", "ct"), ("0001", "pet")):
            shutil.copy(data / "imagesTr" / f"fdg_case 0_{which}.nii.gz", place / f"{name}.nii.gz")
    return start(data, tmp_path / "state", "--segmenter", "propagate")


def test_what_no_session_uses_can_go(served: Any) -> None:
    client = served.client()
    used, unused = (row for row in client.studies() if row["source"] == "pacs")
    client.open(used["id"], "me")
    client.bytes("GET", f"/studies/{unused['id']}/pet.nii.gz")
    with pytest.raises(RefusedError, match="a session uses this study") as refused:
        client.bytes("DELETE", f"/studies/{used['id']}")
    assert refused.value.status == 409
    client.bytes("DELETE", f"/studies/{unused['id']}")
    assert [row["id"] for row in client.studies() if row["source"] == "pacs"] == [used["id"]]
    fetched = served.state / "fetched"
    assert len([place for place in fetched.iterdir() if place.name != ".incoming"]) == 1
    assert not list((fetched / ".incoming").iterdir())
    assert not list((served.state / "volumes").glob(f"{unused['id']}*"))
    for method, path, body in (
        ("DELETE", f"/studies/{unused['id']}", None),
        ("DELETE", "/studies/nonsense", None),
        ("POST", f"/studies/{unused['id']}/sessions", {"reader": "me"}),
    ):
        with pytest.raises(RefusedError) as refused:
            client.bytes(method, path, body)
        assert refused.value.status == 404
    # The session and its study are as they were, also for the next run.
    served.stop()
    served.start()
    again = served.client()
    assert [s["reader"] for row in again.studies() for s in row["sessions"]] == ["me"]
    assert again.open(used["id"], "me").mask.any()


def test_other_studies_are_not_removed_so(served: Any, data: Path) -> None:
    client = served.client()
    (uploaded,) = client.upload([*(data / "imagesTr").glob("fdg_case 1_*")])
    of_folder = next(row for row in client.studies() if row["source"] == "folder")
    for row, why in ((uploaded, "It was uploaded"), (of_folder, "It is in the data folder")):
        with pytest.raises(RefusedError, match=why) as refused:
            client.bytes("DELETE", f"/studies/{row['id']}")
        assert refused.value.status == 409
    assert {uploaded["id"], of_folder["id"]} <= {row["id"] for row in client.studies()}


def test_a_removal_that_was_cut_off_is_finished(served: Any) -> None:
    left = served.state / "fetched" / ".incoming" / "removed-1"
    served.stop()
    left.mkdir(parents=True)
    (left / "a.dcm").write_bytes(b"x")
    served.start()
    assert not left.exists()


def test_readers_of_a_study_remove_nothing(
    served: Any, start: Callable[..., Any], data: Path, tmp_path: Path
) -> None:
    served.stop()
    (tmp_path / "study.toml").write_text(
        'title = "T"\ndesign = "crossover"\nseed = 1\nwashout_days = 0\nreaders = ["A", "B"]\n'
        'cases = ["fdg_case 0", "fdg_case 1"]\ninstructions = "Read."\n',
        encoding="utf-8",
    )
    study = next(e for e in (served.state / "fetched").iterdir() if e.name == DIGESTS[0])
    server = start(
        data, tmp_path / "state", "--segmenter", "propagate",
        "--reader-study", tmp_path / "study.toml",
    )  # fmt: skip
    with pytest.raises(RefusedError, match="closed while a reader study") as refused:
        server.client().bytes("DELETE", "/studies/0123456789abcdef")
    assert refused.value.status == 409
    assert study.is_dir()
