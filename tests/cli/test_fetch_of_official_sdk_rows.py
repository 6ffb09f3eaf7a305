"""What the official braintrust SDK logs to the local server, `otel-braintrust fetch` reads back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from otel_braintrust.local.server import LocalServer

TIMEOUT_S = 60
PROGRAM = Path(sys.executable).parent / "otel-braintrust"

SCRIPT = """
import braintrust

logger = braintrust.init_logger(project="sdk")
with logger.start_span(name="agent") as root:
    root.log(input="Where is my order?", output="On its way.", metadata={"user_id": "u1"})
    with root.start_span(name="call", type="llm") as call:
        call.log(input=[{"role": "user", "content": "hi"}], metrics={"tokens": 7})
        with call.start_span(name="look up", type="tool") as tool:
            tool.log(error="no such order")
logger.flush()
logger.log_feedback(id=root.id, scores={"thumb": 1}, comment="good")
logger.flush()
"""


def test_nested_spans_and_feedback_of_the_official_sdk_are_fetched(
    local_braintrust: LocalServer, tmp_path: Path
) -> None:
    environment = {
        "PATH": os.defpath,
        "HOME": str(tmp_path),
        "BRAINTRUST_API_KEY": local_braintrust.api_key,
        "BRAINTRUST_API_URL": local_braintrust.url,
        "BRAINTRUST_APP_URL": local_braintrust.url,
    }

    def run(*words: str | Path) -> str:
        done = subprocess.run(
            words,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(sys.executable, "-c", SCRIPT)

    page = json.loads(run(PROGRAM, "fetch", "--project", "sdk"))
    logs = {log["span_attributes"]["name"]: log for log in page["logs"]}
    assert logs.keys() == {"agent", "call", "look up"}
    root, call, tool = logs["agent"], logs["call"], logs["look up"]
    assert root["input"] == "Where is my order?"
    assert root["scores"] == {"thumb": 1}
    assert "good" in json.dumps(root["comments"])
    assert call["span_parents"] == [root["span_id"]]
    assert tool["span_parents"] == [call["span_id"]]
    assert {log["root_span_id"] for log in page["logs"]} == {root["root_span_id"]}

    filters = json.dumps({"metrics.tokens": {"$gt": 5}, "span_attributes.type": "llm"})
    [found] = json.loads(run(PROGRAM, "fetch", "--project", "sdk", "--filters", filters))["logs"]
    assert found["id"] == call["id"]
