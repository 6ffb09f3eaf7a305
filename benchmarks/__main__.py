"""Measure everything in one run, print the tables, and write RESULTS.md.

Run: python -m benchmarks [--quick] [--only TABLE] [--rounds N]
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.application import decorator, hooks
from benchmarks.exporting import content, export, messages, turns, wire
from benchmarks.processes import imports, memory
from benchmarks.receiver import Receiver
from benchmarks.suite import SUMMARY_PEERS, Bench
from benchmarks.tables import Table

RESULTS = Path(__file__).with_name("RESULTS.md")
README = RESULTS.parent.parent / "README.md"
# The README's quotation stands between these.
QUOTE_BEGIN, QUOTE_END = "<!-- costs -->\n", "<!-- end of costs -->\n"
PEERS = (
    "otel-braintrust",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp-proto-http",
    "braintrust",
    "orjson",
)
TABLES: Mapping[str, Callable[[Bench], Iterator[Table]]] = {
    "export": export,
    "hooks": hooks,
    "decorator": decorator,
    "wire": wire,
    "memory": memory,
    "imports": imports,
    "content": content,
    "messages": messages,
    "turns": turns,
}
SUMMARY_TEXT = "Ours as multiples of theirs: less than 1 is less."
INTRODUCTION = """# What it costs

Made by `python -m benchmarks`, which measures everything in one run, each peer in a process of its
own, one after another in every round, and takes medians. The server is a process of its own, too.
Ratios are what other machines will find, more or less; microseconds are those of this machine.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; without ``--only`` and ``--quick`` also write RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few spans: does it run at all")
    parser.add_argument(
        "--only", choices=sorted(TABLES), action="append", help="only this (again for more)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured")
    options = parser.parse_args(arguments)
    rounds, share = (1, 0.05) if options.quick else (options.rounds, 1.0)
    parts = [f"{INTRODUCTION}\n{_environment(rounds)}"]
    print(parts[0])
    with Receiver() as receiver, Bench(receiver, rounds=rounds, share=share) as bench:
        for name in options.only or TABLES:
            for table in TABLES[name](bench):
                parts.append(table.markdown())
                print(parts[-1], flush=True)
        summary = Table("In short", SUMMARY_TEXT, ["", *SUMMARY_PEERS], bench.summary).markdown()
    print(summary)
    if not options.quick and not options.only:
        parts.insert(1, summary)
        RESULTS.write_text("\n".join(parts), encoding="utf-8")
        _quote(summary)
        print(f"written to {RESULTS.name} and quoted in {README.name}", file=sys.stderr)


def _quote(summary: str) -> None:
    """Put the summary's table into the README."""
    table = "".join(f"{line}\n" for line in summary.splitlines() if line.startswith("|"))
    before, _, rest = README.read_text(encoding="utf-8").partition(QUOTE_BEGIN)
    _, _, after = rest.partition(QUOTE_END)
    README.write_text(f"{before}{QUOTE_BEGIN}{table}{QUOTE_END}{after}", encoding="utf-8")


def _environment(rounds: int) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    return (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}; "
        f"{versions}. Medians of {rounds} rounds.\n"
    )


if __name__ == "__main__":
    main()
