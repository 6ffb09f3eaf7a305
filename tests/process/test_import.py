"""Importing the package does nothing but import."""

from __future__ import annotations

from collections.abc import Callable

from .conftest import Ended


def test_importing_the_package_starts_nothing_and_imports_no_http(
    run: Callable[..., Ended],
) -> None:
    ended = run(
        """
        import asyncio, atexit, socket, sys, threading

        def refuse(*args, **kwargs):
            raise AssertionError("a socket was opened or an exit handler registered")

        socket.socket = refuse
        before = threading.active_count()
        from opentelemetry import trace
        provider = trace.get_tracer_provider()
        atexit.register = refuse
        import otel_braintrust
        assert threading.active_count() == before
        assert trace.get_tracer_provider() is provider
        for name in ("requests", "urllib3", "uvicorn", "starlette", "typer", "google.protobuf"):
            assert name not in sys.modules, name
        print("ok")
        """
    )
    assert (ended.stdout, ended.status) == ("ok\n", 0), ended.stderr


def test_resolving_settings_imports_no_http(run: Callable[..., Ended]) -> None:
    ended = run(
        """
        import sys
        from otel_braintrust.settings import Settings
        Settings.resolve(parent="project_name:x").destination
        assert "requests" not in sys.modules
        print("ok")
        """
    )
    assert (ended.stdout, ended.status) == ("ok\n", 0), ended.stderr
