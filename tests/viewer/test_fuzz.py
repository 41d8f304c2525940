"""The interface as its own OpenAPI description has it, with values of all kinds: never a 500.

Requests are made from the description: for each operation its parameters and its body, sometimes
after the schema and sometimes not. Answers of 200 to JSON operations must be what is described.
"""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


class Description:
    """The OpenAPI document, and values after its schemas."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def values(self, schema: dict[str, Any]) -> st.SearchStrategy[Any]:  # noqa: PLR0911
        schema = self.resolve(schema)
        for choice in ("oneOf", "anyOf"):
            if choice in schema:
                return st.one_of([self.values(each) for each in schema[choice]])
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        kind = schema.get("type")
        if kind == "object":
            known, needed = schema.get("properties", {}), schema.get("required", [])
            return st.fixed_dictionaries(
                {name: self.values(known[name]) for name in known if name in needed},
                optional={name: self.values(known[name]) for name in known if name not in needed},
            )
        if kind == "array":
            if "prefixItems" in schema:
                return st.tuples(*map(self.values, schema["prefixItems"])).map(list)
            least = schema.get("minItems", 0)
            return st.lists(self.values(schema["items"]), min_size=least, max_size=5)
        low, high = schema.get("minimum"), schema.get("maximum")
        if kind == "integer":
            near = st.integers(low or 0, 45)
            return near | st.integers(low, high)
        if kind == "number":
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        if kind == "string":
            least, most = schema.get("minLength", 0), min(schema.get("maxLength", 20), 20)
            return st.text(min_size=least, max_size=most)
        return {"boolean": st.booleans(), "null": st.none()}.get(str(kind), ANYTHING)


@dataclass(frozen=True)
class Answer:
    """The status and the body of an answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Asker:
    """Asks one server, over one connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)

    def __call__(self, method: str, path: str, body: bytes | None = None) -> Answer:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.read())


@pytest.fixture(scope="module")
def ask(server: Any) -> Asker:
    return Asker(server.address)


def test_no_request_makes_a_500(ask: Asker) -> None:
    description = Description(ask("GET", "/api/openapi.json").json())
    study = ask("GET", "/api/studies").json()[0]["id"]
    opened = ask("POST", f"/api/studies/{study}/sessions", b'{"reader": "fuzz"}')
    known = {"study": study, "session": opened.json()["id"]}
    known["upload"] = ask("POST", "/api/uploads").json()["id"]
    operations = [
        (path, method, operation)
        for path, methods in description.document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) >= 12
    # Half of the requests are events: there is most to go wrong.
    events = [found for found in operations if found[0].endswith("/events")]
    seen: dict[int, int] = {}

    @settings(max_examples=250, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.data())
    def run(draw: st.DataObject) -> None:
        path, method, operation = draw.draw(st.sampled_from(operations + events * 6))
        query = {}
        for parameter in operation.get("parameters", []):
            name = parameter["name"]
            values = description.values(parameter["schema"])
            if name in known:
                values = st.sampled_from([known[name]] * 9 + ["x"])
            elif name == "what":
                values = st.sampled_from(["session.json", "mask.mha", "lesions.csv", "x"])
            if draw.draw(st.integers(0, 4)) == 0:
                values |= st.text(max_size=6)
            value = draw.draw(values)
            if parameter["in"] == "path":
                path = path.replace("{" + name + "}", quote(str(value), safe="") or "x")
            elif value is not None:
                query[name] = str(value)
        body = None
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            if "application/json" in content:
                schema = content["application/json"]["schema"]
                rough = draw.draw(st.integers(0, 5)) == 0
                body = draw.draw(ANYTHING if rough else description.values(schema))
            else:  # a file: any bytes
                body = draw.draw(st.binary(max_size=50))
        if query:
            path += f"?{urlencode(query)}"
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = None if "requestBody" not in operation else sent
        answer = ask(method.upper(), path, data)
        seen[answer.status] = seen.get(answer.status, 0) + 1
        assert answer.status < 500, (method, path, body, answer.body[:500])
        if answer.status >= 400:
            assert set(answer.json()) == {"error", "cause", "remedy"}
        else:
            assert str(answer.status) in operation["responses"]

    run()
    assert seen[200] > 40, seen
    assert {404, 409, 422} <= set(seen), seen


def test_what_is_no_json_is_refused(ask: Asker) -> None:
    study = ask("GET", "/api/studies").json()[0]["id"]
    path = f"/api/studies/{study}/sessions"
    for body in (
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"reader": "\\ud800"}',
        b"1e999",
        b"NaN",
    ):
        answer = ask("POST", path, body)
        assert answer.status in (400, 422), body[:20]
        assert answer.json()["error"]
    for method in ("PUT", "DELETE", "PATCH"):
        assert ask(method, path).status == 405
