"""The worked examples of the mapping: a span in, the fields of its row out."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust.delivery.retrying import RowPatience
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploads import Uploads
from otel_braintrust.enclosing import Encloser
from otel_braintrust.traces import TraceAssembler
from otel_braintrust.translation import OtlpSpan, SpanEvent
from otel_braintrust.translation.decoding import decode_container

EXAMPLES = json.loads((Path(__file__).parent / "worked_examples.json").read_text())

# Examples whose row is another by intent, field by field, with the reason.
ARGUED: dict[int, dict[tuple[str, ...], Any]] = {
    # A task's input says the same as its model calls' inputs: chat messages.
    30: {("input",): [{"role": "user", "content": "Hi"}]},
    # A demoted call is still told by the model that it called: named as on any model call.
    59: {
        ("rows", "0", "metadata", "gen_ai.provider.name"): ...,
        ("rows", "0", "metadata", "gen_ai.response.model"): ...,
        ("rows", "0", "metadata", "provider"): "openai",
        ("rows", "0", "metadata", "model"): "gpt-4o-2024-08-06",
    },
}


def span_of(given: Mapping[str, Any], number: int, position: int = 0) -> OtlpSpan:
    start_ns = 1_700_000_000_000_000_000 + position
    status = given.get("status") or {}
    return OtlpSpan(
        trace_id=f"{number:032x}",
        span_id=identifier(given.get("id", "1")),
        parent_span_id=identifier(given["parent"]) if given.get("parent") else None,
        name=given.get("name", "span"),
        kind=given.get("kind", "INTERNAL"),
        start_ns=start_ns,
        end_ns=start_ns + 2_000_000_000 - 2 * position,
        attributes=given.get("attributes", {}),
        events=[SpanEvent(e["name"], e.get("attributes", {})) for e in given.get("events", ())],
        status_code=status.get("code", "UNSET"),
        status_description=status.get("description"),
        scope_name=given.get("scope", ""),
        resource=given.get("resource", {}),
        dropped_attributes=given.get("dropped_attributes", 0),
    )


def identifier(name: str) -> str:
    return f"{int.from_bytes(name.encode(), 'big'):016x}"


def differences(want: Any, got: Any, path: tuple[str, ...] = ()) -> list[str]:
    """Tell where a row lacks what an example names; objects may hold more."""
    if isinstance(want, dict):
        got = got if isinstance(got, Mapping) else {}
        return [
            line
            for key, inner in want.items()
            for line in (
                differences(inner, got[key], (*path, key))
                if key in got
                else [f"{'.'.join((*path, key))} is missing"]
            )
        ]
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return [
            line
            for index, (ours, theirs) in enumerate(zip(want, got, strict=True))
            for line in differences(ours, theirs, (*path, str(index)))
        ]
    # An attribute left over is shown opened: its JSON text and its value are the same.
    if want == got or (isinstance(want, str) and decode_container(want) == got):
        return []
    return [f"{'.'.join(path)}: want {want!r}, got {got!r}"]


def replaced(want: dict[str, Any], argued: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    changed = json.loads(json.dumps(want))
    for path, value in argued.items():
        place: Any = changed
        for step in path[:-1]:
            place = place[int(step)] if isinstance(place, list) else place[step]
        last = int(path[-1]) if isinstance(place, list) else path[-1]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return changed


def as_sent(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """A row as the exporter sends it, with references for the files that it uploads."""
    if row is None:
        return None
    encloser = Encloser(Uploads(no_request, **ROOM), converts=True)
    files = encloser.find(row, {})
    text = json.dumps(row)
    for key in files:
        assert uuid.UUID(key).version == 4
        text = text.replace(key, "<uuid4>")
    sent: dict[str, Any] = json.loads(text)
    return sent


def no_request() -> Any:
    raise AssertionError("nothing is uploaded before its row has arrived")


ROOM: dict[str, Any] = {
    "patience": RowPatience(1.0, None),
    "troubles": Troubles(),
    "max_bytes": 10**6,
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e['number']} {e['title']}")
def test_row_holds_what_the_worked_example_names(example: dict[str, Any]) -> None:
    given = example["in"].get("spans") or [example["in"]]
    spans = [span_of(one, example["number"], position) for position, one in enumerate(given)]
    rows = [as_sent(entry.row) for entry in TraceAssembler().assemble(spans)]
    want = replaced(example["out"], ARGUED.get(example["number"], {}))
    wanted = want.get("rows") or [want]
    assert len(wanted) == len(rows)
    for expected, row in zip(wanted, rows, strict=True):
        assert row is not None
        for key in ("span_id", "span_parents"):
            if key in expected:
                ids = expected[key]
                expected[key] = (
                    identifier(ids) if isinstance(ids, str) else [identifier(i) for i in ids]
                )
        assert differences(expected, row) == []
        tokens = [name for name in row["metrics"] if "tokens" in name]
        if not expected.get("metrics", True):
            assert tokens == []


def test_pending_span_of_logfire_makes_no_row() -> None:
    given = {"attributes": {"logfire.span_type": "pending_span"}, "scope": "logfire"}
    assert TraceAssembler().assemble([span_of(given, 36)])[0].row is None
