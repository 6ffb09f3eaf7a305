"""`otel-braintrust export`: what it prints, `import` takes back, and nothing is altered."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_braintrust.client import BraintrustClient
from otel_braintrust.local.server import LocalServer
from tests.cli.conftest import Command

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NAMES = st.text("abc.$é _-", min_size=1, max_size=6)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
IDS = st.text("0123456789abcdef", min_size=16, max_size=16)
# Tags stand on roots only, elsewhere Braintrust refuses them.
ROWS = st.fixed_dictionaries(
    {"span_id": IDS, "root_span_id": st.text("0123456789abcdef", min_size=32, max_size=32)},
    optional={
        "input": JSON_VALUES,
        "output": JSON_VALUES,
        "expected": JSON_VALUES,
        "error": JSON_VALUES,
        "metadata": st.dictionaries(NAMES, JSON_VALUES, max_size=3),
        "scores": st.dictionaries(NAMES, st.none() | st.floats(0, 1), max_size=3),
        "metrics": st.dictionaries(NAMES, NUMBERS, max_size=3),
        "tags": st.lists(TEXTS, max_size=3, unique=True),
        "span_parents": st.lists(IDS, max_size=2),
        "span_attributes": st.fixed_dictionaries(
            {"name": TEXTS}, optional={"type": st.sampled_from(("llm", "task", "tool"))}
        ),
        "context": st.dictionaries(NAMES, JSON_VALUES, max_size=2),
        "created": st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    },
).filter(lambda row: not (row.get("tags") and row.get("span_parents")))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(ROWS, min_size=1, max_size=6), comments=st.lists(TEXTS, max_size=2))
def test_export_import_export_is_the_same(
    rows: list[dict[str, Any]],
    comments: list[str],
    braintrust: LocalServer,
    command: Command,
    tmp_path: Path,
) -> None:
    first, second = (f"p {uuid.uuid4()}" for _ in range(2))
    wanted = [{"id": f"row {number}", **row} for number, row in enumerate(rows)]
    with BraintrustClient() as client:
        project_id = client.project_id(first, create=True)
        client.insert(project_id, wanted)
        said = [{"id": "row 0", "comment": text} for text in comments if text]
        if said:
            client.feedback(project_id, said)
    exported = command("export", "--project", first)
    assert exported.status == 0
    assert exported.err == ""
    lines = {row["id"]: row for row in map(json.loads, exported.out.strip().split("\n"))}
    for row in wanted:
        given_fields = {key: value for key, value in row.items() if value is not None}
        given_fields.pop("created", None)
        assert {key: lines[row["id"]].get(key) for key in given_fields} == given_fields

    (tmp_path / "rows.jsonl").write_text(exported.out, encoding="utf-8")
    imported = command("import", "rows.jsonl", "--project", second)
    assert imported.status == 0, imported.err
    assert imported.json["comments"] == len(said)
    again = [
        json.loads(line) for line in command("export", "--project", second).out.strip().split("\n")
    ]
    assert {row["id"]: _timeless(row) for row in again} == {
        row_id: _timeless(row) for row_id, row in lines.items()
    }


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what tells of the transaction that made its comments."""
    comments = [
        {key: value for key, value in comment.items() if key != "_xact_id"}
        for comment in row.get("comments") or ()
    ]
    return {**row, "comments": sorted(comments, key=lambda each: str(each["id"]))}


def test_a_project_is_gone_through_page_by_page(braintrust: LocalServer, command: Command) -> None:
    with BraintrustClient() as client:
        project_id = client.project_id("large", create=True)
        client.insert(project_id, [{"id": f"r{n}", "metadata": {"n": n}} for n in range(2300)])
    by_name = command("export", "--project", "large")
    ids = [json.loads(line)["id"] for line in by_name.out.splitlines()]
    assert len(ids) == len(set(ids)) == 2300
    assert command("export", "--project-id", project_id).out == by_name.out
    limited = command("export", "--project", "large", "--limit", "1500")
    assert limited.out == "".join(by_name.out.splitlines(keepends=True)[:1500])
    filters = json.dumps({"metadata.n": {"$gte": 2290}})
    some = command("export", "--project", "large", "--filters", filters)
    assert sorted(json.loads(line)["id"] for line in some.out.splitlines()) == [
        f"r{n}" for n in range(2290, 2300)
    ]


def test_what_only_its_project_gives_a_meaning_is_left_out(
    braintrust: LocalServer, command: Command
) -> None:
    with BraintrustClient() as client:
        client.insert(client.project_id("p", create=True), [{"id": "a", "input": None}])
    [line] = command("export", "--project", "p").out.splitlines()
    assert json.loads(line).keys() == {"id", "created", "span_id", "root_span_id"}


def test_who_asks_wrongly_is_told(braintrust: LocalServer, command: Command) -> None:
    unknown = command("export", "--project", "nowhere")
    assert (unknown.status, "no project named 'nowhere'" in unknown.error) == (1, True)
    assert command("export").status == 2
    wrong = command("export", "--project", "p", "--filters", '{"a": {"$like": 1}}')
    assert (wrong.status, "unknown operator $like" in wrong.error) == (2, True)
    none = command("export", "--project-id", str(uuid.uuid4()))
    assert (none.status, "there is no project with the id" in none.error) == (1, True)
