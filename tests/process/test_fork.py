"""A forked child lives, sends its own spans and none of its parent's; the parent loses nothing."""

from __future__ import annotations

from collections.abc import Callable

from tests.scripted_server import Answer, ScriptedServer

from .conftest import Ended

PRELUDE = """
    import os, sys, threading, time
    from opentelemetry import trace
    from otel_braintrust.configuration import configure, flush, ledger

    processor = configure(project="forks")
    tracer = trace.get_tracer("app")

    def end(name, count=1):
        for _ in range(count):
            tracer.start_span(name).end()
"""


def _names(server: ScriptedServer) -> list[str]:
    return sorted(row["span_attributes"]["name"] for row in server.rows.values())


def test_a_child_sends_its_own_spans_and_the_parent_all_of_its_own(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        PRELUDE
        + """
    end("before", 3)
    child = os.fork()
    if child == 0:
        end("child", 2)
        result = flush(10.0)
        print(result.sent, ledger(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    end("after", 4)
    print(flush(10.0).sent, ledger())
    """
    )
    assert ended.stdout.splitlines() == [
        "2 2 spans ended, 2 sent",
        "7 7 spans ended, 7 sent",
    ], ended.stderr
    assert _names(server) == ["after"] * 4 + ["before"] * 3 + ["child"] * 2
    assert len(server.arrivals) == 9


def test_forking_while_a_request_is_under_way_harms_neither(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    server.script.append(Answer(manner="hang then ok"))
    ended = run(
        PRELUDE
        + """
    end("before", 3)
    flush(0.3)
    child = os.fork()
    if child == 0:
        end("child", 2)
        print(flush(10.0).sent, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print(flush(10.0).sent, ledger())
    """
    )
    assert ended.stdout.splitlines() == ["2", "3 3 spans ended, 3 sent"], ended.stderr
    assert len(server.arrivals) == 5


def test_a_child_that_ends_at_once_hurts_nothing(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        PRELUDE
        + """
    end("before", 3)
    for _ in range(5):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    """
    )
    assert ended.status == 0, ended.stderr
    assert _names(server) == ["before"] * 3


def test_many_forks_while_many_threads_end_spans_do_not_lock_up(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        PRELUDE
        + """
    stop = threading.Event()

    def work():
        while not stop.is_set():
            end("busy")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        time.sleep(0.02)
        child = os.fork()
        if child == 0:
            end("child")
            os._exit(0 if flush(10.0).sent == 1 else 1)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    counts = ledger()
    columns = counts.sent + counts.pending + sum(counts.dropped.values())
    print(counts.ended == columns)
    """,
        OTEL_BRAINTRUST_EXIT_TIMEOUT="1",
    )
    assert ended.stdout == "True\n", ended.stderr
    assert _names(server).count("child") == 10


def test_what_a_child_makes_hangs_on_what_the_parent_is_sure_to_send(
    server: ScriptedServer, run: Callable[..., Ended]
) -> None:
    ended = run(
        PRELUDE
        + """
    chat = {"gen_ai.operation.name": "chat"}
    http = trace.get_tracer("opentelemetry.instrumentation.fastapi")

    def fork(name):
        child = os.fork()
        if child == 0:
            tracer.start_span(f"child of {name}", attributes=chat).end()
            flush(10.0)
            os._exit(0)
        os.waitpid(child, 0)

    with tracer.start_as_current_span("agent"), http.start_as_current_span("POST"):
        fork("the agent")
    with http.start_as_current_span("GET"):
        fork("the request")
    with http.start_as_current_span("GET /chat"):
        tracer.start_span("chat", attributes=chat).end()
        fork("the chat")
    print(flush(10.0).filtered)
    """
    )
    assert ended.stdout.split() == ["2"], ended.stderr
    names = {key: row["span_attributes"]["name"] for key, row in server.rows.items()}
    parents = {
        names[key]: names[row["span_parents"][0]] if row["span_parents"] else None
        for key, row in server.rows.items()
    }
    assert parents == {
        "agent": None,
        "child of the agent": "agent",
        "child of the request": None,
        "GET /chat": None,
        "chat": "GET /chat",
        "child of the chat": "GET /chat",
    }
