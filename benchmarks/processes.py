"""Tables of what a process pays: memory while spans wait, and time to import."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.exporting import EXPORTERS
from benchmarks.suite import Bench
from benchmarks.tables import Table, median, ratio
from benchmarks.workers import Worker

QUEUED_SPANS = 10_000
QUEUE_VARIABLES = {"OTEL_BSP_MAX_QUEUE_SIZE": "20000", "BRAINTRUST_QUEUE_SIZE": "20000"}
MEMORY_ROUNDS = 3
BYTES_PER_MIB = 2**20

SDK = "opentelemetry.sdk.trace"
IMPORTS = {
    "otel_braintrust": "import otel_braintrust",
    "otel_braintrust, with configure": "from otel_braintrust import configure",
    "OTLP/HTTP": "import opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "braintrust.otel": "import braintrust.otel",
    "native logger": "import braintrust",
}
IMPORT_SCRIPT = """
import json, time
begun = time.process_time()
import {sdk}
between = time.process_time()
{statement}
print(json.dumps([between - begun, time.process_time() - between]))
"""


def memory(bench: Bench) -> Iterator[Table]:
    """Memory of a process in which many spans wait for a server that does not answer."""
    spans = bench.count(QUEUED_SPANS)
    found: dict[str, list[tuple[float, float]]] = {peer: [] for peer in EXPORTERS[:-1]}
    for _ in range(min(MEMORY_ROUNDS, bench.rounds)):
        for peer, values in found.items():
            with Worker(peer, bench.receiver.url, **QUEUE_VARIABLES) as worker:
                values.append(worker.ask("memory_bytes", kind="chat", spans=spans))
    waiting = {peer: median(each[0] for each in values) for peer, values in found.items()}
    peaks = {peer: median(each[1] for each in values) for peer, values in found.items()}
    bench.sum_up("Memory of 10,000 chat spans that wait", waiting["ours"], waiting)
    yield Table(
        "Memory",
        f"What {spans:,} chat spans add to a process's memory while they wait for a server that "
        "does not answer, and at most until they have arrived.",
        ["Sender", "Waiting", "At most", "Of ours"],
        [
            [peer, _mebibytes(waiting[peer]), _mebibytes(peaks[peer]),
             ratio(peaks[peer], peaks["ours"])]
            for peer in found
        ],
    )  # fmt: skip


def imports(bench: Bench) -> Iterator[Table]:
    """CPU of importing, in processes that have imported OpenTelemetry's SDK already."""
    found: dict[str, list[float]] = {name: [] for name in IMPORTS}
    of_sdk: list[float] = []
    for _ in range(bench.rounds):
        for name, statement in IMPORTS.items():
            sdk_s, statement_s = _import_s(statement)
            of_sdk.append(sdk_s)
            found[name].append(statement_s)
    adds = {name: median(values) for name, values in found.items()}
    bench.sum_up("CPU to import", adds["otel_braintrust, with configure"], adds)
    yield Table(
        "Import",
        f"CPU that importing adds to `import {SDK}`, in processes of their own, and as multiples "
        "of what that takes.",
        ["Import", "Of the SDK's own", "Adds"],
        [
            [name, ratio(added_s, median(of_sdk)), f"{added_s * 1e3:.3g} ms"]
            for name, added_s in adds.items()
        ],
    )


def _import_s(statement: str) -> tuple[float, float]:
    """CPU of importing OpenTelemetry's SDK and then what is measured, in seconds."""
    script = IMPORT_SCRIPT.format(sdk=SDK, statement=statement)
    ended = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    sdk_s, statement_s = json.loads(ended.stdout)
    return sdk_s, statement_s


def _mebibytes(size_bytes: float) -> str:
    return f"{size_bytes / BYTES_PER_MIB:.3g} MiB"
