"""Spans that started and ended, while they are entered in the books together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from otel_braintrust.accounts import Ticket
from otel_braintrust.passage import Passage


class Page:
    """What is entered together.

    Args:
        passage: What judges spans.
        roots: The open spans.

    Attributes:
        started: The ids of spans that started, and are not in the books yet.
        ended: Spans that ended and go, and are not in the books yet.
        contents: The values of the attributes of each of these.
        attached_bytes: How much their events and links hold.
        filtered: The ids of spans that ended and do not go, and are not in the books yet.
        go: Spans to be handed on.
        roots: See :attr:`otel_braintrust.local_roots.LocalRoots.open`.
        has_kin: Whether the tree follows any span.
        certain: See :attr:`otel_braintrust.passage.Passage.certain`.
        is_swift: See :attr:`otel_braintrust.passage.Passage.is_swift`.
        tree: See :attr:`otel_braintrust.passage.Passage.tree`.
    """

    __slots__ = (
        "attached_bytes",
        "certain",
        "contents",
        "ended",
        "filtered",
        "go",
        "has_kin",
        "is_swift",
        "roots",
        "started",
        "tree",
    )

    def __init__(self, passage: Passage, roots: dict[int, Any]) -> None:
        self.started: list[int] = []
        self.ended: list[Ticket] = []
        self.contents: list[Collection[Any]] = []
        self.attached_bytes = 0
        self.filtered: list[int] = []
        self.go: list[Ticket] = []
        self.roots = roots
        self.tree = passage.tree
        self.has_kin = len(self.tree) > 0
        self.certain = passage.certain
        self.is_swift = passage.is_swift

    def trust_nothing(self) -> None:
        """Show the passage all that follows."""
        self.certain = {}
        self.is_swift = False
