"""Instrumentations switched on together: which, once, with content, and none twice."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.sdk.trace import TracerProvider

import otel_braintrust
from otel_braintrust import instruments
from tests.scripted_server import ScriptedServer


class _Recorder(BaseInstrumentor):
    wants = ("requests >= 1",)
    fails = False

    def instrumentation_dependencies(self) -> tuple[str, ...]:
        return self.wants

    def _instrument(self, **kwargs: Any) -> None:
        if self.fails:
            raise RuntimeError("no")
        type(self).given = kwargs

    def _uninstrument(self, **kwargs: Any) -> None:
        """Nothing was changed."""


class Sender(_Recorder):
    given: Any = None


class OtherSender(_Recorder):
    given: Any = None


class Absent(_Recorder):
    wants = ("no-such-library >= 1",)


class Broken(_Recorder):
    wants = ("orjson >= 1",)
    fails = True


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """Entry points as if they were those that are installed."""
    monkeypatch.setattr(instruments, "_told", {})
    monkeypatch.setattr(instruments, "_told_of_failure", set())
    found: list[EntryPoint] = []
    monkeypatch.setattr(instruments, "entry_points", lambda group: found)
    dependencies = "opentelemetry.instrumentation.dependencies.get_dist_dependency_conflicts"
    monkeypatch.setattr(dependencies, lambda distribution: None)
    yield found
    for each in (Sender, OtherSender):
        if each().is_instrumented_by_opentelemetry:
            each().uninstrument()


def entry(name: str, kind: type) -> EntryPoint:
    return EntryPoint(name, f"{__name__}:{kind.__name__}", instruments.GROUP)


def test_what_is_installed_is_switched_on_once_and_named(
    installed: list[EntryPoint], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    installed += [
        entry("sender", Sender),
        entry("absent", Absent),
        entry("broken", Broken),
        EntryPoint("gone", "no_such_module:Instrumentor", instruments.GROUP),
    ]
    provider = TracerProvider(shutdown_on_exit=False)
    with ScriptedServer() as server:
        for _ in range(2):
            processor = otel_braintrust.configure(
                tracer_provider=provider,
                instrument=True,
                api_key="sk-test-12345",
                app_url=server.url,
                handle_sigterm=False,
            )
        processor.shutdown(timeout_millis=1000)
    assert Sender.given["tracer_provider"] is provider
    assert caplog.text.count("instrumentations switched on: sender\n") == 1
    assert "broken" in caplog.text
    assert "absent" not in caplog.text


def test_those_that_are_disabled_stay_off(
    installed: list[EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed += [entry("sender", Sender), entry("other", OtherSender)]
    monkeypatch.setenv(instruments.DISABLED, "other, more")
    assert instruments.switch_on(None) == ["sender"]
    monkeypatch.setenv(instruments.DISABLED, "*")
    assert instruments.switch_on(None) == []


def test_of_several_with_one_name_some_are_disabled_by_module(
    installed: list[EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = EntryPoint("sender", "no_such_package.sender:Sender", instruments.GROUP)
    installed += [entry("sender", Sender), others]
    monkeypatch.setenv(instruments.DISABLED, "no_such_package.sender.parts")
    assert instruments.switch_on(None) == ["sender"]
    Sender().uninstrument()
    monkeypatch.setenv(instruments.DISABLED, __name__)
    assert instruments.switch_on(None) == []


def test_a_broken_installation_is_told_and_an_absent_library_is_not(
    installed: list[EntryPoint], caplog: pytest.LogCaptureFixture
) -> None:
    installed += [
        EntryPoint("absent", "no_such_library.a:A", instruments.GROUP),
        EntryPoint("torn", "opentelemetry.no_such_part:A", instruments.GROUP),
    ]
    assert instruments.switch_on(None) == []
    assert [record.getMessage() for record in caplog.records] == [
        "instrumentation torn (opentelemetry.no_such_part:A) could not be switched on (there is no "
        "module opentelemetry.no_such_part); it is left out"
    ]


def test_two_on_one_library_are_named_in_one_warning(
    installed: list[EntryPoint], caplog: pytest.LogCaptureFixture
) -> None:
    installed += [entry("sender", Sender), entry("other", OtherSender)]
    OtherSender.__module__, before = "others.sender", OtherSender.__module__
    try:
        assert instruments.switch_on(None) == ["other", "sender"]
        for _ in range(2):
            assert instruments.tell_of_doubles() == {"requests": ["others.sender", __name__]}
        OtherSender.__module__ = f"{__name__}.parts"
        assert instruments.tell_of_doubles() == {}
    finally:
        OtherSender.__module__ = before
    assert len(caplog.records) == 1
    assert f"requests by others.sender and {__name__}" in caplog.text


@pytest.mark.parametrize("on", [True, False])
def test_content_switches_are_set_where_they_are_not(
    monkeypatch: pytest.MonkeyPatch, on: bool
) -> None:
    for variable in (*instruments.CONTENT_SWITCHES, instruments.STABILITY):
        monkeypatch.setenv(variable, "")
    monkeypatch.setattr(instruments, "version", lambda package: "0.4b0")
    monkeypatch.setenv("TRACELOOP_TRACE_CONTENT", "as it is")
    changed = instruments.set_content_switches(on)
    assert set(changed) == set(instruments.CONTENT_SWITCHES) - {"TRACELOOP_TRACE_CONTENT"}
    assert os.environ["TRACELOOP_TRACE_CONTENT"] == "as it is"
    assert json.loads(os.environ[instruments.GENAI_CONTENT]) is on
    assert json.loads(os.environ["OPENINFERENCE_HIDE_INPUTS"]) is not on
    monkeypatch.setenv(instruments.GENAI_CONTENT, "")
    monkeypatch.setenv(instruments.STABILITY, "http,gen_ai_latest_experimental")
    assert instruments.set_content_switches(on) == [instruments.GENAI_CONTENT]
    assert os.environ[instruments.GENAI_CONTENT] == ("SPAN_ONLY" if on else "NO_CONTENT")


@pytest.mark.parametrize("release", ["0.4b0", "1.3b0", "odd"])
def test_newer_instrumentations_are_told_where_content_goes(
    monkeypatch: pytest.MonkeyPatch, release: str
) -> None:
    for variable in (*instruments.CONTENT_SWITCHES, instruments.STABILITY):
        monkeypatch.setenv(variable, "")
    monkeypatch.setattr(instruments, "version", lambda package: release)
    changed = instruments.set_content_switches(True)
    is_newer = release == "1.3b0"
    assert os.environ[instruments.GENAI_CONTENT] == ("SPAN_ONLY" if is_newer else "true")
    # Azure's instrumentation wants the two to say the same.
    assert (instruments.AZURE_CONTENT in changed) is not is_newer
