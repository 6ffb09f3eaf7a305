"""Every example runs offline against the local Braintrust, and does what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust.local.server import LocalServer

EXAMPLES = Path(__file__).parent.parent / "examples"
FILES = sorted(EXAMPLES.glob("*.py"))
Rows = dict[str, dict[str, Any]]


def is_beneath(rows: Rows, child: str, parent: str) -> bool:
    return rows[child]["span_parents"] == [rows[parent]["span_id"]]


def annotate_code(rows: Rows, _out: str) -> None:
    assert rows["search"]["input"] == {"query": "Where is my order?", "limit": 2}
    assert rows["stream_answer"]["output"] == ["Where", "is", "my", "order?", "2", "results."]
    assert rows["stream_answer"]["metrics"]["prompt_tokens"] == 7
    assert rows["answer"]["scores"] == {"confidence": 0.9}
    assert all(row["metadata"]["user_id"] == "u1" for row in rows.values())
    assert "hunter2" not in repr(rows)


def custom_client(rows: Rows, out: str) -> None:
    assert out == "Within 30 days.\n"
    row = rows["chat"]
    assert row["metrics"]["time_to_first_token"] >= 0
    assert row["metrics"]["tokens"] == 15
    assert row["output"][0]["message"]["content"] == "Within 30 days."
    assert row["metadata"]["model"] == "my-model"


def errors(rows: Rows, _out: str) -> None:
    assert "LookupError: no order 4711" in rows["look_up"]["error"]
    assert not rows["answer"]["error"]
    assert rows["moderation"]["error"]["code"] == "refused"
    assert "TimeoutError" in rows["checkout"]["error"]


def deeply_nested(rows: Rows, _out: str) -> None:
    assert rows["rank"]["metadata"]["ranker"] == "by length"
    assert rows["rank"]["metrics"]["documents"] == 2
    assert is_beneath(rows, "rank", "retrieve")
    assert is_beneath(rows, "retrieve", "answer")


def distributed_trace(rows: Rows, out: str) -> None:
    assert is_beneath(rows, "serve", "ask")
    assert is_beneath(rows, "send mail", "ask")
    assert out == "braintrust.parent=project_name%3Aexamples\n"


def update_span(rows: Rows, _out: str) -> None:
    row = rows["draft"]
    assert row["output"] == row["expected"] == "Within 30 days."
    assert row["input"] == {"topic": "returns"}
    assert {"reviewed_by": "u7", "reason": "new policy"}.items() <= row["metadata"].items()
    assert row["tags"] == ["reviewed"]


def deep_links(rows: Rows, out: str) -> None:
    addresses = out.split()
    assert len(addresses) == 3
    assert len(set(addresses)) == 1
    assert addresses[0].endswith(f"/app/local/p/examples/logs?oid={rows['answer']['id']}")


def manual_spans(rows: Rows, _out: str) -> None:
    assert rows["request 1"]["output"] == "Echo: Hello!"
    assert rows["request 2"]["metadata"]["user_id"] == "u2"


def thread_pool(rows: Rows, out: str) -> None:
    assert out == "[5, 3, 8]\n"
    assert is_beneath(rows, "addition", "calculate")
    assert is_beneath(rows, "multiplication", "calculate")
    assert rows["addition"]["metadata"]["user_id"] == "u1"


def graph(rows: Rows, _out: str) -> None:
    searches = ("search the web", "search the manual")
    assert rows["merge"]["span_parents"] == [rows[name]["span_id"] for name in searches]


def feedback_endpoint(rows: Rows, out: str) -> None:
    row = rows["POST /chat"]
    assert row["scores"] == {"thumbs": 0}
    assert [each["metadata"]["user_id"] for each in row["audit_data"]] == ["u1", "u2"]
    assert [each["comment"]["text"] for each in row["comments"]] == ["says u1", "says u2"]
    assert "thumbs" in out


def attachments(rows: Rows, out: str) -> None:
    told, read = out.splitlines()
    assert told == "2 spans ended, 2 sent; 4 attachments uploaded"
    assert read == "receipt.txt 1 umbrella, 19.90"
    files = rows["describe"]["input"]
    assert files["image"]["content_type"] == "image/png"
    assert files["history"]["filename"] == "history.json"
    [part] = rows["chat"]["input"][0]["content"]
    assert part["image_url"]["url"]["filename"] == "attachment.png"


def external_images(rows: Rows, _out: str) -> None:
    image = {"url": "https://example.com/image.jpg"}
    assert rows["chat"]["input"][0]["content"][1] == {"type": "image_url", "image_url": image}
    assert rows["inspect"]["input"] == {"image_url": image}
    assert rows["inspect"]["metadata"]["scan"]["url"] == "s3://scans/4711.pdf"


def several_scores(rows: Rows, _out: str) -> None:
    assert is_beneath(rows, "helpful", "document")


def tags(rows: Rows, _out: str) -> None:
    assert rows["answer"]["tags"] == ["beta", "eu", "shipping", "rated"]
    assert not rows["classify"]["tags"]


def several_projects(rows: Rows, _out: str) -> None:
    assert set(rows) == {"chat", "step"}


def production_and_staging(rows: Rows, out: str) -> None:
    assert out == "staging\n"
    assert rows == {}


def flush(rows: Rows, out: str) -> None:
    assert out == "True 3 0 0\n3 spans ended, 3 sent\n"
    assert len(rows) == 3


def serverless(rows: Rows, out: str) -> None:
    assert out.endswith("1 spans ended, 1 sent\n")
    assert rows["handler"]["output"] == {"answer": "Where is my order? On its way."}


def import_export(rows: Rows, out: str) -> None:
    first, second, is_same = out.splitlines()
    assert json.loads(first)["imported"] == json.loads(second)["imported"] == 4
    assert is_same == "True"
    assert set(rows) == {"answer", "chat"}
    assert rows["chat"]["metrics"]["tokens"] == 16
    assert is_beneath(rows, "chat", "answer")


def live_rows(rows: Rows, out: str) -> None:
    assert out == "{'documents': 1000} dict_keys(['start']) None\ndone\n"
    row = rows["long job"]
    assert row["scores"] == {"patience": 0.5}
    assert row["comments"][0]["comment"]["text"] == "still running?"
    assert row["output"] == {"summaries": 1000}
    assert row["metrics"]["end"] > row["metrics"]["start"]


def production_logs(_rows: Rows, out: str) -> None:
    assert out.splitlines() == [
        "3 logs",
        "failed: Can I return it? - the model did not answer",
        "2 slow, the slowest 30000 ms",
        "2 by user_123",
        "liked: ['On its way.']",
    ]


def query_logs(_rows: Rows, out: str) -> None:
    assert [line.partition(" ")[0] for line in out.splitlines()[:4]] == ["3", "2", "2", "1"]
    assert out.splitlines()[4:] == ["1234 0.9", "5678 0.8"]


def openai_streaming(rows: Rows, out: str) -> None:
    assert out == "1+1 is 2.\n"
    call = rows["ChatCompletion"]
    assert is_beneath(rows, "ChatCompletion", "answer")
    assert {"prompt_tokens": 11, "completion_tokens": 5, "tokens": 16}.items() <= call[
        "metrics"
    ].items()
    assert call["span_attributes"]["type"] == "llm"


def capture_rows(rows: Rows, out: str) -> None:
    assert out == "answer (task)\n  search (tool)\n"
    assert rows == {}


def masking(rows: Rows, _out: str) -> None:
    row = rows["answer"]
    assert row["input"] == "I am the customer, [masked: customer number], [masked: email]."
    assert row["output"]["diagnosis"] == "[masked: diagnosis]"
    assert row["metadata"]["dsn"] == "postgres://app:[masked: url password]@db.example.com/shop"
    assert row["metadata"]["db_password"] == "[masked: password]"
    assert rows["call"]["input"] == "My key is [masked: anthropic key]"
    assert row["comments"][0]["comment"]["text"] == "Thanks, the customer"


CHECKS: dict[str, Callable[[Rows, str], None]] = {
    check.__name__: check
    for check in (
        annotate_code,
        custom_client,
        errors,
        deeply_nested,
        distributed_trace,
        update_span,
        deep_links,
        manual_spans,
        thread_pool,
        graph,
        feedback_endpoint,
        attachments,
        external_images,
        several_scores,
        tags,
        several_projects,
        production_and_staging,
        flush,
        masking,
        serverless,
        import_export,
        live_rows,
        production_logs,
        query_logs,
        openai_streaming,
        capture_rows,
    )
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_example_runs_and_does_what_it_says(path: Path, tmp_path: Path) -> None:
    foreign = ("BRAINTRUST_", "OTEL_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    with LocalServer() as server:
        environment = {
            **kept,
            "BRAINTRUST_API_URL": server.url,
            "BRAINTRUST_APP_URL": server.url,
            "BRAINTRUST_API_KEY": server.api_key,
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", str(path)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        rows = server.rows("examples")
    by_name = {row["span_attributes"]["name"]: row for row in rows if row["span_attributes"]}
    if path.stem in CHECKS:
        CHECKS[path.stem](by_name, done.stdout)


def test_every_example_that_is_about_spans_is_checked() -> None:
    assert set(CHECKS) <= {path.stem for path in FILES}


def test_every_example_is_in_the_table() -> None:
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[(\w+\.py)\]", table, re.MULTILINE)) == {p.name for p in FILES}
