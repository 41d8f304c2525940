"""``lesionloop pacs`` against a real PACS."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

Cli = Callable[..., Any]


def test_find_fetch_and_store(
    cli: Cli, orthanc: Any, make_study: Callable[..., Any], tmp_path: Path
) -> None:
    made = make_study(PatientID="C1", PatientName="Øst^Åse")
    stored = cli("pacs", "store", orthanc.url, *made.paths)
    assert stored.code == 0, stored.err
    lines = [line.split("\t") for line in stored.out.splitlines()]
    assert lines == [[str(path), str(dcmread(path).SOPInstanceUID)] for path in made.paths]

    found = cli("pacs", "find", orthanc.url, "--name", "Øst", "--from", "2024-01-01", "--json")
    assert found.code == 0, found.err
    (row,) = json.loads(found.out)
    assert (row["uid"], row["patient_name"]) == (made.uid, "Øst^Åse")
    table = cli("pacs", "find", orthanc.url, "--patient-id", "C1")
    assert made.uid in table.out
    assert "Øst^Åse" in table.out
    assert "Øst" not in table.err
    assert json.loads(cli("pacs", "find", orthanc.url, "--name", "Nobody", "--json").out) == []

    out = tmp_path / "out"
    fetched = cli("pacs", "fetch", orthanc.url, made.uid, out, "--modality", "PT")
    assert fetched.code == 0, fetched.err
    assert fetched.out.strip() == str(out)
    assert "24 instances fetched" in fetched.err
    assert "not fetched: series of CT" in fetched.err
    again = cli("pacs", "fetch", orthanc.url, made.uid, out)
    assert "24 instances fetched, 24 were there already" in again.err
    assert cli("inspect", out).code == 0


def test_refusals(
    cli: Cli,
    orthanc: Any,
    make_study: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = make_study()
    (tmp_path / "text.dcm").write_text("no DICOM")
    dead = "http://127.0.0.1:9/dicom-web"
    for words, says in (
        (("find", dead), "does not answer"),
        (("find", "nonsense"), "cannot be used"),
        (("find", "http://me:pw@host/"), "holds credentials"),
        (("find", orthanc.url, "--from", "soon"), "is no date"),
        (("fetch", orthanc.url, "../x", tmp_path / "out"), "is no study UID"),
        (("fetch", orthanc.url, "1.2.3", tmp_path / "out"), "has no study"),
        (("store", orthanc.url, made.paths[0], tmp_path / "text.dcm"), "cannot store"),
        (("store", dead, made.paths[0]), "does not answer"),
        (("find", orthanc.url, "--ca", tmp_path / "no.pem"), "certificates"),
    ):
        told = cli("pacs", *words)
        assert told.code == 2, words
        assert told.out == ""
        assert says in told.err
        assert "Traceback" not in told.err
    monkeypatch.setenv("LESIONLOOP_DICOMWEB_LOGIN", "nocolon")
    assert "no colon" in cli("pacs", "find", orthanc.url).err


def test_credentials_come_from_the_environment(
    cli: Cli, orthancs: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = orthancs(AuthenticationEnabled=True, RegisteredUsers={"me": "secret"})
    refused = cli("pacs", "find", locked.url)
    assert refused.code == 2
    assert "refuses the credentials" in refused.err
    monkeypatch.setenv("LESIONLOOP_DICOMWEB_LOGIN", locked.login)
    allowed = cli("-v", "pacs", "find", locked.url, "--json")
    assert (allowed.code, json.loads(allowed.out)) == (0, [])
    assert "secret" not in allowed.err


def test_helps_tell_examples(cli: Cli) -> None:
    for command in ("find", "fetch", "store"):
        told = cli("pacs", command, "--help")
        assert told.code == 0
        assert f"lesionloop pacs {command}" in told.out
    assert "LESIONLOOP_DICOMWEB_TOKEN" in cli("pacs", "--help").out
