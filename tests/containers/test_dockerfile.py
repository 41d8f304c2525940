"""What can be known of the container without building it."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from lesionloop.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "containers/Dockerfile"

Stage = list[tuple[str, str]]


def instructions() -> Iterator[tuple[str, str]]:
    """Keyword and rest of every instruction, continued lines joined, comments left out."""
    lines = DOCKERFILE.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            keyword, _, rest = line.strip().partition(" ")
            yield keyword.upper(), rest.strip()


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    found: list[Stage] = []
    for keyword, rest in instructions():
        if keyword == "FROM":
            found.append([])
        found[-1].append((keyword, rest))
    return found


@pytest.fixture(scope="module")
def last(stages: list[Stage]) -> Stage:
    return stages[-1]


def test_every_instruction_is_known() -> None:
    known = {"FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "USER", "ENTRYPOINT"}
    assert {keyword for keyword, _ in instructions()} <= known  # so no ADD, VOLUME, EXPOSE


def test_the_base_is_a_small_python_pinned_by_tag(stages: list[Stage]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))
    bases = {stage[0][1].split(" AS ")[0] for stage in stages}
    assert len(stages) == 2
    assert len(bases) == 1  # the wheel is built by the Python that runs it
    tag = re.fullmatch(r"python:(\d+)\.(\d+)\.\d+-slim-[a-z]+", bases.pop())
    assert tag is not None
    assert (int(tag[1]), int(tag[2])) >= least


def test_what_the_build_copies_is_in_the_repository(stages: list[Stage]) -> None:
    sources = [
        source
        for keyword, rest in stages[0]
        if keyword == "COPY"
        for source in shlex.split(rest)[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not source.startswith("--")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {"pyproject.toml", "src", project["readme"], *project["license-files"]}
    assert needed <= set(sources)  # without one of these no wheel comes out


def test_the_ignore_file_lets_through_what_is_copied(stages: list[Stage]) -> None:
    """BuildKit reads <Dockerfile>.dockerignore; the last line that fits decides."""
    lines = (ROOT / "containers/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    copied = [s for k, r in stages[0] if k == "COPY" for s in shlex.split(r)[:-1]]
    for source in copied:
        fitting = [p for p in patterns if fnmatch(source, p.removeprefix("!").rstrip("/"))]
        assert fitting[-1].startswith("!"), source
    for unwanted in (".git", ".venv", "tests", "out"):
        assert [p for p in patterns if fnmatch(unwanted, p.removeprefix("!"))] == ["*"]


def test_the_second_stage_takes_only_the_wheel(stages: list[Stage], last: Stage) -> None:
    copies = [shlex.split(rest) for keyword, rest in last if keyword == "COPY"]
    name = stages[0][0][1].split(" AS ")[1]
    assert copies == [[f"--from={name}", "/wheels", "/wheels"]]
    installs = [r for k, r in last if k == "RUN" and "pip install" in r]
    assert len(installs) == 1
    assert "[" not in installs[0]  # no extras
    assert "--no-cache-dir" in installs[0]


def test_it_runs_as_an_unprivileged_user_by_number(last: Stage) -> None:
    users = [rest for keyword, rest in last if keyword == "USER"]
    assert len(users) == 1
    uid, _, gid = users[0].partition(":")
    assert int(uid) >= 1000  # by number, so that a platform can see that it is not root
    assert int(gid) >= 1000
    created = next(rest for keyword, rest in last if keyword == "RUN" and "useradd" in rest)
    assert f"--uid {uid}" in created
    assert f"--gid {gid}" in created
    after = [keyword for keyword, _ in last[[k for k, _ in last].index("USER") + 1 :]]
    assert set(after) <= {"WORKDIR", "ENTRYPOINT"}  # nothing is installed as that user


def test_the_mounts_exist_and_the_output_is_the_users(last: Stage) -> None:
    made = next(rest for keyword, rest in last if keyword == "RUN" and "mkdir" in rest)
    assert re.search(r"mkdir /input /output\b", made)
    assert re.search(r"chown reader:reader /output\b", made)
    assert "chown reader:reader /input" not in made


def test_nothing_is_fetched_but_by_pip() -> None:
    for keyword, rest in instructions():
        if keyword == "RUN":
            assert not re.search(r"https?://|curl|wget|git |apt", rest), rest


def test_the_entry_point_is_a_command_that_exists(last: Stage) -> None:
    entry = [rest for keyword, rest in last if keyword == "ENTRYPOINT"]
    assert len(entry) == 1
    script, name = json.loads(entry[0])  # the exec form is JSON; a shell form would fail here
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert script in project["scripts"]
    assert name in {command.name for command in app.registered_commands}


def test_the_environment_needs_no_home_and_few_threads(last: Stage) -> None:
    text = " ".join(rest for keyword, rest in last if keyword == "ENV")
    environment = dict(pair.split("=", 1) for pair in shlex.split(text))
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["HOME"] == "/nonexistent"
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        assert 1 <= int(environment[name]) <= 4
