"""The pages' addresses: documents, redirects and the JSON behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from otel_braintrust.local.server import LocalServer
from tests.pages.sample_traces import PIXEL, assistant, model_call, span, support_trace, tokens

TRACE = "0af7651916cd43dd8448eb211c80319c"
Log = Callable[..., None]


def get(server: LocalServer, path: str, **parameters: Any) -> requests.Response:
    """Ask the server without following redirects."""
    url = f"{server.url}{path}"
    return requests.get(url, params=parameters, allow_redirects=False, timeout=10)


def test_home_leads_to_the_project_with_the_latest_trace(
    local_braintrust: LocalServer, log: Log
) -> None:
    assert get(local_braintrust, "/").headers["location"] == "/app/local/p/Global/logs"
    log(support_trace())
    log([{"id": "1", "input": "x"}], project="käse/brot")
    assert get(local_braintrust, "/").headers["location"] == "/app/local/p/k%C3%A4se%2Fbrot/logs"


@pytest.mark.parametrize(
    "path",
    [
        "/app/local/p/shop-support/logs",
        "/app/local/p/a%2Fb c/logs",
        "/app/local/p/shop-support/logs?r=1",
        "/ui/static/trace.js",
        "/ui/static/base.css",
        "/ui/traces?project=shop-support",
        "/ui/pulse?project=shop-support",
    ],
)
def test_every_answer_carries_the_strict_policy(local_braintrust: LocalServer, path: str) -> None:
    answer = get(local_braintrust, path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    for directive in ("default-src 'none'", "script-src 'self'", "connect-src 'self'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_permalink_of_an_sdk_opens_the_span(local_braintrust: LocalServer, log: Log) -> None:
    log([{**row, "id": f"row-{row['id']}"} for row in support_trace()])
    project = local_braintrust.store.project_named("shop-support")
    assert project is not None
    place = f"/app/local/p/shop-support/logs?r={TRACE}&s=c100000000000003"
    asked = {"object_type": "project_logs", "object_id": project.id, "id": "row-c100000000000003"}
    assert get(local_braintrust, "/app/local/object", **asked).headers["location"] == place
    by_span = {**asked, "id": "c100000000000003"}
    assert get(local_braintrust, "/app/local/object", **by_span).headers["location"] == place
    link = get(local_braintrust, "/app/local/p/shop-support/logs", oid="row-c100000000000003")
    assert link.headers["location"] == place
    unknown = get(local_braintrust, "/app/local/object", **{**asked, "object_id": "nope"})
    assert unknown.status_code == 404


def test_a_line_of_the_list_tells_the_trace_in_a_few_hundred_bytes(
    local_braintrust: LocalServer, log: Log
) -> None:
    trace = support_trace(at_s=1_790_000_000.0)
    trace[0]["metadata"]["blob"] = "x" * 500_000
    log(trace)
    answer = get(local_braintrust, "/ui/traces", project="shop-support")
    assert len(answer.content) < 2_000
    (line,) = answer.json()["traces"]
    assert line["name"] == "answer_ticket"
    assert line["type"] == "task"
    assert line["status"] == "recovered"
    assert line["input"].startswith("My parcel A-1042 was due")
    assert line["output"].startswith("I'm sorry about the wait. Your parcel A-1042 left")
    assert line["time_s"] == 1_790_000_000.0
    assert line["duration_s"] == pytest.approx(6.42)
    assert line["spans"] == 20
    assert line["prompt_tokens"] == 412 + 706 + 12 * 18
    assert line["completion_tokens"] == 58 + 214
    assert line["cost_usd"] == pytest.approx(0.000258 + 0.000625 + 12 * 0.00000036)
    assert line["scores"] == {"helpful": 0.92, "grounded": 1.0}
    assert line["tags"] == ["support", "fr"]
    assert line["user"] == "u_4711"


def test_tokens_an_agent_repeats_are_not_counted_again(
    local_braintrust: LocalServer, log: Log
) -> None:
    log(
        [
            span("a1", "agent", "task", start_s=1.0, lasted_s=2.0, metrics=tokens(10, 5, 0.1)),
            model_call("b1", parents=["a1"], start_s=1.0, lasted_s=1.0, metrics=tokens(10, 5, 0.1)),
        ]
    )
    (line,) = get(local_braintrust, "/ui/traces", project="shop-support").json()["traces"]
    assert (line["prompt_tokens"], line["completion_tokens"], line["cost_usd"]) == (10, 5, 0.1)
    outline = get(local_braintrust, "/ui/trace", project="shop-support", r=TRACE).json()["trace"]
    assert (outline["tokens"], outline["cost_usd"]) == (15, 0.1)


def test_a_silent_root_shows_what_its_model_calls_said(
    local_braintrust: LocalServer, log: Log
) -> None:
    asked = [{"role": "user", "content": "first question"}]
    log(
        [
            span("a1", "POST /chat", start_s=1.0, lasted_s=9.0),
            model_call("b1", parents=["a1"], start_s=2.0, lasted_s=1.0, input=asked, output="no"),
            model_call(
                "b2",
                parents=["a1"],
                start_s=4.0,
                lasted_s=1.0,
                input=[{"role": "user", "content": "second"}],
                output=assistant("last answer"),
            ),
        ]
    )
    (line,) = get(local_braintrust, "/ui/traces", project="shop-support").json()["traces"]
    assert (line["input"], line["output"]) == ("first question", "last answer")


def test_rows_without_spans_are_listed_by_their_words(
    local_braintrust: LocalServer, log: Log
) -> None:
    log([{"id": "1", "input": "Hi", "output": "Hello", "metadata": {"user_id": "u1"}}])
    (line,) = get(local_braintrust, "/ui/traces", project="shop-support").json()["traces"]
    assert (line["input"], line["output"], line["user"]) == ("Hi", "Hello", "u1")
    assert line["duration_s"] is None
    assert not line["open"]
    assert line["time_s"] > 1_600_000_000


def test_the_list_pages_to_its_end_without_repeating(
    local_braintrust: LocalServer, log: Log
) -> None:
    log([{"id": str(number), "input": number} for number in range(7)])
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        asked = {"project": "shop-support", "limit": 3, "cursor": cursor}
        page = get(local_braintrust, "/ui/traces", **asked).json()
        seen += [line["input"] for line in page["traces"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == [str(number) for number in reversed(range(7))]


@pytest.mark.parametrize("asked", [{"cursor": "nonsense"}, {"limit": "many"}, {"limit": "-1"}])
def test_a_wrong_question_is_answered_with_a_reason(
    local_braintrust: LocalServer, log: Log, asked: dict[str, str]
) -> None:
    log([{"id": "1", "input": "x"}])
    answer = get(local_braintrust, "/ui/traces", project="shop-support", **asked)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_an_outline_holds_no_content(local_braintrust: LocalServer, log: Log) -> None:
    log(
        [
            span(f"{n:016x}", "step", start_s=float(n), lasted_s=1.0, input="secret " * 10_000)
            for n in range(50)
        ]
    )
    answer = get(local_braintrust, "/ui/trace", project="shop-support", r=TRACE)
    assert b"secret" not in answer.content
    assert len(answer.content) < 50 * 400
    assert answer.json()["trace"]["spans"] == 50


def test_one_row_is_given_whole(local_braintrust: LocalServer, log: Log) -> None:
    log([{"id": "1", "input": PIXEL, "span_attributes": {"name": "constructor"}}])
    asked = {"project": "shop-support", "id": "1"}
    assert get(local_braintrust, "/ui/row", **asked).json()["input"] == PIXEL
    assert get(local_braintrust, "/ui/row", **{**asked, "id": "2"}).status_code == 404


def test_the_pulse_changes_only_with_the_data(local_braintrust: LocalServer, log: Log) -> None:
    def pulse(project: str) -> dict[str, Any]:
        found: dict[str, Any] = get(local_braintrust, "/ui/pulse", project=project).json()
        return found

    before = pulse("shop-support")
    assert before["project"] is None
    log([{"id": "1", "input": "x"}])
    after = pulse("shop-support")
    assert after["version"] != before["version"]
    assert after == pulse("shop-support")
    assert after["project"] == "shop-support"
    assert pulse("other")["project"] == "shop-support"
