"""What the application hears: callbacks, metrics, and payload files of what was lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otel_braintrust.accounts import Loss
from otel_braintrust.delivery.errors import AuthenticationError, ConnectionFailure, ServerError
from otel_braintrust.settings import SettingsError
from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, Application

Make = Callable[..., Application]


def test_on_drop_hears_of_each_loss_with_its_reason_and_spans(
    server: ScriptedServer, application: Make
) -> None:
    heard: list[Loss] = []
    server.always = Answer(401)
    app = application(on_drop=heard.append)
    ids = app.end_spans(7)
    app.processor.flush(5.0)
    assert [(each.reason, each.count) for each in heard] == [("auth", 7)]
    assert sorted(heard[0].span_ids) == sorted(ids)


def test_on_drop_is_not_called_in_the_thread_that_ends_a_span(
    server: ScriptedServer, application: Make
) -> None:
    threads = []
    server.always = Answer(manner="hang")
    app = application(queue_size=50, on_drop=lambda loss: threads.append(threading.get_ident()))
    ender = threading.Thread(target=app.end_spans, args=(2000,))
    ender.start()
    ender.join()
    app.processor.shutdown(timeout_millis=300)
    assert threads
    assert ender.ident not in threads


def test_on_error_hears_of_each_request_that_fails(
    server: ScriptedServer, application: Make
) -> None:
    heard: list[Exception] = []
    server.script.extend([Answer(503), Answer(manner="reset"), Answer(403)])
    app = application(on_error=heard.append)
    app.end_spans(3)
    app.processor.flush(10.0)
    assert [type(each) for each in heard] == [ServerError, ConnectionFailure, AuthenticationError]
    assert all(KEY not in str(each) for each in heard)


def test_a_callback_that_raises_or_ends_spans_harms_nothing(
    server: ScriptedServer, application: Make, caplog: pytest.LogCaptureFixture
) -> None:
    apps: list[Application] = []

    def complain(loss: Loss) -> None:
        apps[0].end_spans(1)
        raise RuntimeError("not my day")

    server.always = Answer(401)
    apps.append(application(on_drop=complain, on_error=complain))
    apps[0].end_spans(3)
    assert apps[0].processor.flush(3.0).dropped >= 3
    assert "complain failed (RuntimeError)" in caplog.text
    assert "not my day" not in caplog.text


def test_a_callback_must_be_a_function(application: Make) -> None:
    with pytest.raises(SettingsError, match="on_drop"):
        application(on_drop="print")


def test_metrics_tell_what_the_ledger_tells_under_the_names_of_the_sdk(
    server: ScriptedServer, application: Make
) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    server.refuse_row = lambda row: bool(row["span_attributes"]["name"] == "bad")
    app = application(meter_provider=provider, queue_size=5000)
    app.end_spans(9)
    app.tracer.start_span("bad").end()
    app.processor.flush(5.0)
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {
        metric.name: metric.data.data_points
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    exported = _by_error(metrics["otel.sdk.exporter.span.exported"])
    assert exported == {None: 9, "rejected": 1}
    assert _by_error(metrics["otel.sdk.processor.span.processed"]) == {None: 10}
    assert _by_error(metrics["otel.sdk.exporter.span.inflight"]) == {None: 0}
    assert _by_error(metrics["otel.sdk.processor.span.queue.size"]) == {None: 0}
    assert _by_error(metrics["otel.sdk.processor.span.queue.capacity"]) == {None: 5000}
    durations = metrics["otel.sdk.exporter.operation.duration"]
    assert sum(point.count for point in durations) == len(server.requests)
    attributes = metrics["otel.sdk.exporter.span.exported"][0].attributes
    assert attributes["otel.component.type"] == "braintrust_span_exporter"
    assert attributes["server.address"] == "127.0.0.1"
    provider.shutdown()


def _by_error(points: Any) -> dict[str | None, int]:
    return {point.attributes.get("error.type"): point.value for point in points}


def test_what_is_lost_is_written_as_the_official_sdk_writes_it(
    server: ScriptedServer, application: Make, tmp_path: Path
) -> None:
    server.refuse_row = lambda row: bool(row["span_attributes"]["name"] == "bad")
    app = application(failed_payloads_dir=str(tmp_path / "failed"))
    app.end_spans(5)
    app.tracer.start_span("bad").end()
    assert app.processor.flush(5.0).dropped == 1
    [path] = (tmp_path / "failed").iterdir()
    assert path.match("payload_*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    body = json.loads(path.read_bytes())
    assert body["api_version"] == 2
    [row] = body["rows"]
    assert row["span_attributes"]["name"] == "bad"
    assert (row["project_id"], row["log_id"]) == ("id-of-faults", "g")


def test_everything_that_is_sent_is_written_where_that_is_asked_for(
    server: ScriptedServer, application: Make, tmp_path: Path
) -> None:
    app = application(all_payloads_dir=str(tmp_path / "all"))
    ids = app.end_spans(250)
    assert app.processor.flush(5.0).sent == 250
    bodies = [json.loads(each.read_bytes()) for each in (tmp_path / "all").iterdir()]
    assert sorted(row["id"] for body in bodies for row in body["rows"]) == sorted(ids)
    assert len(bodies) == len(server.posts())


def test_what_waits_at_the_end_is_written_too_when_there_is_no_spool(
    server: ScriptedServer, application: Make, tmp_path: Path
) -> None:
    server.stop()
    app = application(failed_payloads_dir=str(tmp_path / "failed"))
    ids = app.end_spans(1200)
    app.processor.shutdown(timeout_millis=2000)
    bodies = [json.loads(each.read_bytes()) for each in (tmp_path / "failed").iterdir()]
    assert sorted(row["id"] for body in bodies for row in body["rows"]) == sorted(ids)
    assert app.processor.ledger.dropped == {"shutdown": 1200}


def test_a_payload_directory_that_cannot_be_written_to_is_one_error(
    server: ScriptedServer, application: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    app = application(all_payloads_dir=str(tmp_path / "file" / "all"))
    for _ in range(3):
        app.end_spans(5)
        assert app.processor.flush(5.0).sent == 5
    assert caplog.text.count("BRAINTRUST_ALL_PUBLISH_PAYLOADS_DIR: cannot write") == 1


def test_a_callback_that_flushes_does_not_wait_for_itself(
    server: ScriptedServer, application: Make
) -> None:
    server.script.extend([Answer(503), Answer(503)])
    server.refuse_row = lambda row: bool(row["span_attributes"]["name"] == "bad")
    heard: list[object] = []

    def listen(what: object) -> None:
        heard.append(what)
        app.processor.flush(5.0)

    app = application(on_drop=listen, on_error=listen)
    ids = app.end_spans(10)
    app.tracer.start_span("bad").end()
    begin = time.monotonic()
    assert app.processor.flush(8.0).dropped == 1
    assert time.monotonic() - begin < 5.0
    assert sorted(server.rows) == sorted(ids)
    assert heard


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, GeneratorExit])
def test_whatever_a_callback_raises_delivery_goes_on(
    server: ScriptedServer, application: Make, kind: type[BaseException]
) -> None:
    def fail(what: object) -> None:
        raise kind("of the application")

    server.script.append(Answer(503))
    app = application(on_drop=fail, on_error=fail)
    ids = app.end_spans(10)
    assert app.processor.flush(8.0).sent == 10
    ids += app.end_spans(10)
    assert app.processor.flush(8.0).sent == 10
    assert sorted(server.rows) == sorted(ids)
    app.processor.shutdown(timeout_millis=500)
