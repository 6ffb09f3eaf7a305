"""The end of a process: what waits is uploaded within the budget, what does not make it is told."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest

from tests.scripted_server import Answer, ScriptedServer

from .conftest import KEY

SCRIPT = """
    from otel_braintrust import Attachment, configure, start_span

    configure(project="ends")
    with start_span("ask", input=[Attachment(bytes([n]) * 1000) for n in range(6)]):
        pass
    print("done")
"""


def run(server: ScriptedServer, script: str, **options: str) -> tuple[Any, float]:
    environment = {
        "BRAINTRUST_API_KEY": KEY,
        "BRAINTRUST_API_URL": server.url,
        "BRAINTRUST_APP_URL": server.url,
        "PATH": os.environ["PATH"],
        **options,
    }
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    return done, time.monotonic() - begin


def test_an_exit_without_a_flush_uploads_everything(server: ScriptedServer) -> None:
    done, _ = run(server, SCRIPT)
    assert done.stderr == ""
    assert sorted(server.files.values()) == [bytes([number]) * 1000 for number in range(6)]
    assert len(server.reports) == 6


def test_an_exit_without_threads_uploads_everything(server: ScriptedServer) -> None:
    done, _ = run(server, SCRIPT, BRAINTRUST_SYNC_FLUSH="1")
    assert done.stderr == ""
    assert len(server.files) == 6


def test_an_exit_while_uploads_hang_keeps_its_budget_and_tells_what_is_missing(
    server: ScriptedServer,
) -> None:
    server.file_always = Answer(manner="hang")
    done, seconds = run(server, SCRIPT, OTEL_BRAINTRUST_EXIT_TIMEOUT="0.5")
    assert seconds < 5.0
    *before, line = done.stderr.splitlines()
    # Python 3.12 starts no thread at the end, so that the end itself sees an upload fail.
    assert len(before) <= (sys.version_info[:2] == (3, 12))
    assert all("attachments wait to be uploaded" in each for each in before)
    assert "1 spans ended, 1 sent; 0 attachments uploaded, 6 pending" in line


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_workers_of_multiprocessing_upload_their_own(server: ScriptedServer) -> None:
    script = """
        import multiprocessing
        from otel_braintrust import Attachment, configure, start_span

        def work(number):
            with start_span("work", input=Attachment(b"%d" % number, "n.txt")):
                return number

        if __name__ == "__main__":
            configure(project="ends")
            with start_span("main", input=Attachment(b"main", "m.txt")):
                context = multiprocessing.get_context("fork")
                with context.Pool(2) as pool:
                    pool.map(work, range(4))
                    pool.close()
                    pool.join()
            print("done")
    """
    run(server, script.replace("\n        ", "\n"))
    assert sorted(server.files.values()) == [b"0", b"1", b"2", b"3", b"main"]
