"""How a command says that it cannot do what it was asked."""

from __future__ import annotations

FAILED = 1
ASKED_WRONGLY = 2


class CommandError(Exception):
    """A command stops: one line for stderr, and the exit status.

    Args:
        message: what was wrong, where, and what to do, in one line.
        exit_status: `FAILED` (1) or `ASKED_WRONGLY` (2).
    """

    def __init__(self, message: str, exit_status: int = FAILED) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_status = exit_status
