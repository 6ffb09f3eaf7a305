"""A process for each peer, so that whole-process figures are its own; asked one after another.

Run: python -m benchmarks.workers PEER URL    (reads requests from stdin, one JSON a line)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

from benchmarks.measures import MEASURES
from benchmarks.peers import PEERS

if TYPE_CHECKING:
    from typing_extensions import Self


class Worker:
    """The process of one peer; a context manager.

    Args:
        peer: Its name in :data:`benchmarks.peers.PEERS`.
        url: The server's.
        environment: Variables of the process beside this one's.
    """

    def __init__(self, peer: str, url: str, **environment: str) -> None:
        self.peer = peer
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.workers", peer, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )

    def ask(self, measure: str, **arguments: Any) -> Any:
        """Have the peer take one measure, and return what it found.

        Args:
            measure: Its name in :data:`benchmarks.measures.MEASURES`.
            arguments: Its arguments.

        Raises:
            RuntimeError: The process has ended; its own words are on stderr.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([measure, arguments]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process of {self.peer} ended while it measured {measure}")
        return json.loads(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()  # closes its stdin, which ends it


def main() -> None:
    """Take measures until stdin closes."""
    name, url = sys.argv[1:]
    peer = PEERS[name](url)
    for line in sys.stdin:
        measure, arguments = json.loads(line)
        print(json.dumps(MEASURES[measure](peer, **arguments)), flush=True)


if __name__ == "__main__":
    main()
