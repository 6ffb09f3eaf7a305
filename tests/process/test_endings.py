"""Processes that others start and end: multiprocessing, SIGTERM, servers that fork and reload."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY, Ended


def names(server: ScriptedServer) -> list[str]:
    return sorted(row["span_attributes"]["name"] for row in server.rows.values())


def needs(module: str) -> pytest.MarkDecorator:
    is_there = importlib.util.find_spec(module) is not None
    return pytest.mark.skipif(not is_there, reason=f"{module} is not installed (extra dev)")


@pytest.fixture
def launch(tmp_path: Path, server: ScriptedServer) -> Iterator[Callable[..., Any]]:
    """Start a command in a directory with an application, and end it by SIGTERM at the latest."""
    started: list[subprocess.Popen[str]] = []

    def start(application: str, *command: str, **variables: str) -> subprocess.Popen[str]:
        (tmp_path / "app.py").write_text(textwrap.dedent(application))
        foreign = ("BRAINTRUST_", "OTEL_")
        kept = {name: v for name, v in os.environ.items() if not name.startswith(foreign)}
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=tmp_path,
            env={
                **kept,
                "BRAINTRUST_API_KEY": KEY,
                "BRAINTRUST_APP_URL": server.url,
                "PYTHONPATH": str(tmp_path),
                "OTEL_BSP_SCHEDULE_DELAY": "60000",  # so that only the end can have sent them
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def end(process: subprocess.Popen[str]) -> str:
    """End a process by SIGTERM; what it wrote."""
    process.send_signal(signal.SIGTERM)
    try:
        output, _ = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        pytest.fail(f"it did not end:\n{output}")
    return output


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str = "/", timeout_s: float = 30.0) -> str:
    """Ask a server that may still be starting."""
    last = time.monotonic() + timeout_s
    while time.monotonic() < last:
        with suppress(OSError), urllib.request.urlopen(url_of(port, path), timeout=10) as answer:
            return str(answer.read().decode())
        time.sleep(0.1)
    raise TimeoutError(f"no answer from {url_of(port, path)}")


def url_of(port: int, path: str) -> str:
    return f"http://127.0.0.1:{port}{path}"


def wait_for(server: ScriptedServer, count: int, timeout_s: float = 15.0) -> None:
    last = time.monotonic() + timeout_s
    while len(server.rows) < count and time.monotonic() < last:
        time.sleep(0.05)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_send_their_spans_when_they_end(
    server: ScriptedServer, run: Callable[..., Ended], method: str
) -> None:
    ended = run(
        f"""
        import multiprocessing
        from opentelemetry import trace
        from otel_braintrust.configuration import configure

        def work(number):
            configure(project="children")
            trace.get_tracer("app").start_span(f"child {{number}}").end()

        if __name__ == "__main__":
            configure(project="children")
            trace.get_tracer("app").start_span("parent").end()
            context = multiprocessing.get_context("{method}")
            children = [context.Process(target=work, args=(n,)) for n in range(2)]
            for child in children:
                child.start()
            for child in children:
                child.join()
        """
    )
    assert ended.status == 0, ended.stderr
    assert names(server) == ["child 0", "child 1", "parent"], ended.stderr
    assert len(server.arrivals) == 3


def test_a_pool_sends_what_its_workers_did(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        """
        import multiprocessing
        from opentelemetry import trace
        from otel_braintrust.configuration import configure

        def work(number):
            trace.get_tracer("app").start_span("job").end()
            return number

        if __name__ == "__main__":
            configure(project="children")
            with multiprocessing.get_context("fork").Pool(2) as pool:
                pool.map(work, range(20))
                pool.close()
                pool.join()
        """
    )
    assert ended.status == 0, ended.stderr
    assert names(server) == ["job"] * 20


WAITING = """
    import time
    from opentelemetry import trace
    from otel_braintrust.configuration import configure

    configure(project="ends")
    for _ in range(20):
        trace.get_tracer("app").start_span("work").end()
    print("ready", flush=True)
    time.sleep(60)
"""


def test_sigterm_flushes_and_then_ends_the_process_as_it_would_have(
    server: ScriptedServer, launch: Callable[..., Any]
) -> None:
    process = launch(WAITING, "app.py")
    assert process.stdout.readline() == "ready\n"
    assert end(process) == ""
    assert process.returncode == -signal.SIGTERM
    assert len(server.arrivals) == 20


def test_sigterm_keeps_its_time_when_the_server_hangs(
    server: ScriptedServer, launch: Callable[..., Any]
) -> None:
    server.always = Answer(manner="hang")
    process = launch(WAITING, "app.py", OTEL_BRAINTRUST_EXIT_TIMEOUT="1")
    assert process.stdout.readline() == "ready\n"
    begin = time.monotonic()
    output = end(process)
    assert time.monotonic() - begin < 3.5
    assert process.returncode == -signal.SIGTERM
    assert "20 spans ended, 0 sent" in output


def test_a_handler_of_the_application_is_left_alone(
    server: ScriptedServer, launch: Callable[..., Any]
) -> None:
    process = launch(
        """
        import signal, sys, time
        from opentelemetry import trace
        from otel_braintrust.configuration import configure

        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        configure(project="ends")
        trace.get_tracer("app").start_span("work").end()
        print("ready", flush=True)
        time.sleep(60)
        """,
        "app.py",
    )
    assert process.stdout.readline() == "ready\n"
    end(process)
    assert process.returncode == 7
    assert len(server.rows) == 1


def test_without_a_flush_at_the_end_a_spool_still_gets_what_waits(
    server: ScriptedServer, launch: Callable[..., Any], tmp_path: Path
) -> None:
    server.always = Answer(manner="hang")
    spool = {"OTEL_BRAINTRUST_SPOOL_DIR": str(tmp_path / "spool")}
    process = launch(WAITING, "app.py", OTEL_BRAINTRUST_EXIT_TIMEOUT="1", **spool)
    assert process.stdout.readline() == "ready\n"
    assert "did not reach" not in end(process)
    server.always = None
    process = launch(WAITING, "app.py", **spool)
    assert process.stdout.readline() == "ready\n"
    end(process)
    assert len(server.rows) == 40


GUNICORN = """
    import os
    from opentelemetry import trace
    from otel_braintrust.configuration import configure

    configure(project="web")
    tracer = trace.get_tracer("app")
    tracer.start_span("preload").end()

    def app(environ, start_response):
        with tracer.start_as_current_span("request"):
            pass
        start_response("200 OK", [])
        return [str(os.getpid()).encode()]
"""


@needs("gunicorn")
@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_workers_of_gunicorn_with_preload_each_send_their_own(
    server: ScriptedServer, launch: Callable[..., Any], worker: str
) -> None:
    port = free_port()
    options = ["--preload", "-w", "2", "-k", worker, "-b", f"127.0.0.1:{port}", "app:app"]
    process = launch(GUNICORN, "-m", "gunicorn", *options)
    get(port)
    pids = {get(port) for _ in range(11)}
    output = end(process)
    assert names(server) == ["preload"] + ["request"] * 12, output
    assert len(server.arrivals) == 13
    assert pids
    assert "Traceback" not in output


@needs("gunicorn")
@needs("gevent")
@pytest.mark.parametrize("preload", [True, False])
def test_workers_of_gunicorn_under_gevent_send_their_own_over_tls_too(
    launch: Callable[..., Any], preload: bool
) -> None:
    # Preloaded, the HTTP library is imported before gevent patches what it stands on.
    certificates = Path(__file__).parent.parent / "certificates"
    port = free_port()
    options = ["--preload"] * preload + ["-w", "1", "-k", "gevent", "-b", f"127.0.0.1:{port}"]
    server = ScriptedServer()
    server.certificate = "localhost.pem"
    with server:
        process = launch(
            GUNICORN,
            "-m",
            "gunicorn",
            *options,
            "app:app",
            BRAINTRUST_APP_URL=server.url,
            REQUESTS_CA_BUNDLE=str(certificates / "localhost.pem"),
        )
        for _ in range(12):
            get(port)
        output = end(process)
    assert names(server) == ["preload"] + ["request"] * 12, output
    assert "Traceback" not in output
    assert "exited with code" not in output


@needs("gunicorn")
@needs("gevent")
def test_a_server_that_hangs_holds_up_no_request_under_gevent(
    server: ScriptedServer, launch: Callable[..., Any]
) -> None:
    server.always = Answer(manner="hang")
    port = free_port()
    options = ["--preload", "-w", "1", "-k", "gevent", "-b", f"127.0.0.1:{port}", "app:app"]
    variables = {"OTEL_BSP_SCHEDULE_DELAY": "20", "OTEL_BRAINTRUST_EXIT_TIMEOUT": "0.5"}
    process = launch(GUNICORN, "-m", "gunicorn", *options, **variables)
    get(port)
    delays_s = []
    for _ in range(50):
        begin = time.monotonic()
        get(port)
        delays_s.append(time.monotonic() - begin)
    end(process)
    assert server.posts()
    assert max(delays_s) < 2.0


@needs("celery")
def test_prefork_workers_of_celery_send_while_they_run_and_when_they_end(
    server: ScriptedServer, launch: Callable[..., Any], tmp_path: Path
) -> None:
    application = """
        import os, pathlib
        from celery import Celery
        from opentelemetry import trace
        from otel_braintrust.configuration import configure

        for name in ("queue", "control"):
            pathlib.Path(name).mkdir(exist_ok=True)
        folders = {"data_folder_in": "queue", "data_folder_out": "queue"}
        folders["control_folder"] = "control"
        app = Celery("app", broker="filesystem://", backend=None)
        app.conf.update(broker_transport_options=folders, worker_hijack_root_logger=False)
        configure(project="tasks")
        tracer = trace.get_tracer("app")

        @app.task(ignore_result=True)
        def work(number):
            with tracer.start_as_current_span("task"):
                pathlib.Path(f"done-{number}").touch()

        if __name__ == "__main__":
            for number in range(8):
                work.delay(number)
        """
    variables = {"PYTHONWARNINGS": "ignore"}
    caller = launch(application, "app.py", **variables)
    assert caller.wait(timeout=30) == 0, caller.stdout.read()
    options = ["-A", "app", "worker", "--pool", "prefork", "-c", "2", "--without-mingle"]
    process = launch(application, "-m", "celery", *options, "--without-gossip", **variables)
    last = time.monotonic() + 30
    while len(list(tmp_path.glob("done-*"))) < 8 and time.monotonic() < last:
        time.sleep(0.1)
    output = end(process)
    assert names(server) == ["task"] * 8, output
    assert len(server.arrivals) == 8


UVICORN = """
    from opentelemetry import trace
    from otel_braintrust.configuration import configure

    configure(project="web")
    tracer = trace.get_tracer("app")

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        with tracer.start_as_current_span("request VERSION"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"VERSION"})
"""


@needs("uvicorn")
def test_uvicorn_sends_what_was_made_before_and_after_a_reload(
    server: ScriptedServer, launch: Callable[..., Any], tmp_path: Path
) -> None:
    port = free_port()
    first = UVICORN.replace("VERSION", "one")
    options = ["--reload", "--reload-delay", "0.1", "--port", str(port), "--lifespan", "off"]
    process = launch(first, "-m", "uvicorn", "app:app", *options)
    assert get(port) == "one"
    (tmp_path / "app.py").write_text(textwrap.dedent(UVICORN.replace("VERSION", "two")))
    last = time.monotonic() + 30
    while time.monotonic() < last and get(port) != "two":
        time.sleep(0.2)
    output = end(process)
    wait_for(server, 2)
    assert {"request one", "request two"} == set(names(server)), output
    assert len(server.arrivals) == len(server.rows)


@needs("uvicorn")
def test_several_workers_of_uvicorn_each_send_their_own(
    server: ScriptedServer, launch: Callable[..., Any]
) -> None:
    port = free_port()
    options = ["--workers", "2", "--port", str(port), "--lifespan", "off"]
    process = launch(UVICORN, "-m", "uvicorn", "app:app", *options)
    for _ in range(10):
        get(port)
    output = end(process)
    assert names(server) == ["request VERSION"] * 10, output


@needs("gevent")
def test_under_gevent_spans_arrive_and_the_loop_is_not_held_up(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    server.script.append(Answer(manner="hang then ok"))
    ended = run(
        """
        from gevent import monkey
        monkey.patch_all()
        import gevent, time
        from opentelemetry import trace
        from otel_braintrust.configuration import configure, flush

        configure(project="greenlets")
        tracer = trace.get_tracer("app")
        beats = []

        def beat():
            while True:
                beats.append(time.monotonic())
                gevent.sleep(0.01)

        def work():
            for _ in range(50):
                tracer.start_span("work").end()
                gevent.sleep(0)

        heart = gevent.spawn(beat)
        gevent.joinall([gevent.spawn(work) for _ in range(4)])
        result = flush(10.0)
        gaps = [b - a for a, b in zip(beats, beats[1:])]
        print(result.sent, max(gaps) < 0.5)
        heart.kill()
        """
    )
    assert ended.stdout == "200 True\n", ended.stderr
    assert len(server.arrivals) == 200
