"""Feedback and updates: after the row, in order, each with its own record, from anywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace

from otel_braintrust import changes as changes_module
from otel_braintrust import (
    export_span,
    log,
    log_feedback,
    score_span,
    start_span,
    traced,
    update_span,
)
from otel_braintrust.local.server import LocalServer
from tests.annotate.conftest import PROJECT, Process


def audits(row: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(each["source"], each["metadata"]) for each in row["audit_data"]]


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_feedback_on_an_ended_span(process: Process) -> None:
    with start_span("answer", output="a") as span:
        pass
    log_feedback(
        span,
        scores={"thumbs": True},
        expected={"better": "b"},
        comment="Not bad",
        tags=["rated"],
        metadata={"user_id": "u1"},
        source="app",
    )
    row = process.rows()["answer"]
    assert row["scores"] == {"thumbs": 1}
    assert row["expected"] == {"better": "b"}
    assert row["output"] == "a"
    assert row["tags"] == ["rated"]
    assert audits(row) == [("app", {"user_id": "u1"})]
    [comment] = row["comments"]
    assert comment["comment"] == {"text": "Not bad"}
    assert (comment["source"], comment["metadata"]) == ("app", {"user_id": "u1"})


@pytest.mark.parametrize("say", [lambda span: span, lambda span: span.export()])
def test_feedback_waits_for_a_span_that_is_still_open(
    process: Process, say: Callable[[Any], Any]
) -> None:
    with start_span("answer") as span:
        log_feedback(say(span), scores={"early": 1}, comment="while it runs")
        assert process.processor.flush(5.0).ok
        assert process.server.rows(PROJECT) == []
        span.log(output="done", scores={"own": 0})
    row = process.rows()["answer"]
    assert row["scores"] == {"own": 0, "early": 1}
    assert row["output"] == "done"
    assert len(row["comments"]) == 1


def test_two_feedbacks_at_once_keep_both_records(process: Process) -> None:
    with start_span("answer") as span:
        pass
    for user in ("u1", "u2", "u3"):
        log_feedback(
            span.export(), scores={user: 1}, comment=f"by {user}", metadata={"user_id": user}
        )
    row = process.rows()["answer"]
    assert row["scores"] == {"u1": 1, "u2": 1, "u3": 1}
    assert [metadata["user_id"] for _, metadata in audits(row)] == ["u1", "u2", "u3"]
    assert [each["comment"]["text"] for each in row["comments"]] == ["by u1", "by u2", "by u3"]


def test_feedback_from_a_process_that_makes_no_spans(
    process: Process, local_braintrust: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_span("answer") as span:
        pass
    slug, row_id = span.export(), format(span.get_span_context().span_id, "016x")
    process.rows()
    trace.get_tracer_provider().shutdown()  # type: ignore[attr-defined]
    monkeypatch.setattr(changes_module, "_followers_of_settings", None)
    monkeypatch.setattr("otel_braintrust.targets.latest_processor", lambda: None)
    monkeypatch.setenv("BRAINTRUST_API_KEY", local_braintrust.api_key)
    monkeypatch.setenv("BRAINTRUST_API_URL", local_braintrust.url)
    monkeypatch.setenv("BRAINTRUST_APP_URL", local_braintrust.url)
    monkeypatch.setenv("BRAINTRUST_PROJECT", PROJECT)
    log_feedback(slug, scores={"by slug": 1})
    log_feedback(row_id, scores={"by id": 1})
    update_span(row_id, parent=f"project_name:{PROJECT}", metadata={"reviewed": True})
    assert changes_module.flush_changes(time.monotonic() + 10) == 0
    [row] = local_braintrust.rows(PROJECT)
    assert row["scores"] == {"by slug": 1, "by id": 1}
    assert row["metadata"]["reviewed"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "at least one"),
        ({"scores": {"x": 7}}, "x"),
        ({"scores": {"x": float("nan")}}, "x"),
        ({"comment": ""}, "comment"),
        ({"comment": "c", "source": "me"}, "source"),
        ({"comment": "c", "metadata": "m"}, "metadata"),
    ],
)
def test_feedback_of_a_wrong_form_is_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        log_feedback("0123456789abcdef", **arguments)


def test_an_update_merges_after_the_row(process: Process) -> None:
    with start_span("answer", input={"a": 1}, tags=["x"]) as span:
        slug = export_span()
        update_span(slug, metadata={"early": True})
    update_span(slug, input={"b": 2}, output="new", tags=["y"], metadata={"late": True})
    span.log(scores={"after the end": 1})
    log(span=span.wrapped, expected="e")
    row = process.rows()["answer"]
    assert row["input"] == {"a": 1, "b": 2}
    assert row["output"] == "new"
    assert row["tags"] == ["x", "y"]
    assert row["metadata"]["early"] is True
    assert row["metadata"]["late"] is True
    assert row["scores"] == {"after the end": 1}
    assert row["expected"] == "e"


def test_changes_to_a_span_that_is_left_out_are_told_and_make_no_stray_row(
    local_braintrust: LocalServer,
    process: Process,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process.processor._undelivered.note_end(0x1234, is_lost=True)
    log_feedback("0000000000001234", comment="to nobody")
    with start_span("other"):
        pass
    process.rows()
    eventually(lambda: "feedback or updates lost" in caplog.text)
    assert len(local_braintrust.rows(PROJECT)) == 1


def test_changes_survive_an_outage(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    with start_span("answer") as span:
        pass
    process.rows()
    url = process.server.url
    followers = process.processor.followers
    assert followers is not None
    connection = followers._connection
    connection.api_url = "http://127.0.0.1:9"
    log_feedback(span, scores={"late": 1})
    eventually(lambda: followers._backoff._failures > 0)
    assert not process.processor.flush(0.05).ok
    connection.api_url = url
    assert process.rows()["answer"]["scores"] == {"late": 1}


def test_scores_of_several_people_stand_side_by_side(process: Process) -> None:
    with start_span("answer") as span:
        score_span(span, helpful=1, metadata={"user_id": "u1"})
        score_span(quick=0.5)
    score_span(span.export(), {"helpful": 0}, metadata={"user_id": "u2"})
    assert process.processor.flush(10.0).ok
    rows = process.server.rows(PROJECT)
    root = next(row for row in rows if row["span_attributes"]["name"] == "answer")
    scores = [row for row in rows if row is not root]
    assert all(row["span_attributes"]["type"] == "score" for row in scores)
    assert all(row["span_parents"] == [root["span_id"]] for row in scores)
    assert all(row["root_span_id"] == root["root_span_id"] for row in scores)
    assert sorted(row["scores"].get("helpful", 0.5) for row in scores) == [0, 0.5, 1]


def test_a_score_needs_a_trace_and_a_number(process: Process) -> None:
    with pytest.raises(ValueError, match="no span slug"):
        score_span("0123456789abcdef", helpful=1)
    with pytest.raises(ValueError, match="at least one"):
        score_span()


def test_feedback_within_a_traced_function_is_about_its_span(process: Process) -> None:
    @traced
    def answer() -> None:
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        log_feedback(comment="from inside")

    answer()
    assert [c["comment"]["text"] for c in process.rows()["answer"]["comments"]] == ["from inside"]
