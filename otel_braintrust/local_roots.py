"""The outermost span of this process above each open span, and the tags that rise to it."""

from __future__ import annotations

import copy
from typing import Any

from otel_braintrust.annotations import TAGS_ATTRIBUTE, united

# Where instrumentations write tags, Braintrust's own key first.
TAG_ATTRIBUTES = (
    TAGS_ATTRIBUTE,
    "langfuse.trace.tags",
    "tag.tags",
    "langsmith.span.tags",
    "logfire.tags",
    "opik.tags",
)
# More open spans than this belong to a process that never ends them.
MAX_OPEN_SPANS = 20_000


class LocalRoots:
    """Follows open spans; used by one thread at a time.

    Args:
        max_open: Most open spans remembered; the oldest are forgotten first.
    """

    def __init__(self, *, max_open: int = MAX_OPEN_SPANS) -> None:
        self._max_open = max_open
        # By span id; a span that is the outermost is its own root.
        self._roots: dict[int, Any] = {}
        self._risen: dict[int, list[str]] = {}

    def __len__(self) -> int:
        return len(self._roots)

    def of(self, span_id: int) -> Any | None:
        """The local root of an open span, which may have ended; None: nothing is known of it."""
        return self._roots.get(span_id)

    def start(self, span: Any, span_id: int) -> bool:
        """Follow a span.

        Args:
            span: The running span.
            span_id: Its id.

        Returns:
            False when it is followed already.
        """
        roots = self._roots
        if span_id in roots:
            return False
        parent = span.parent
        above = None if parent is None or parent.is_remote else roots.get(parent.span_id)
        roots[span_id] = span if above is None else above
        if len(roots) > self._max_open:
            self._forget(next(iter(roots)))
        return True

    def end(self, span: Any, span_id: int) -> Any:
        """Let the tags of a span that ended rise to its local root, while that is open.

        Args:
            span: The ended span.
            span_id: Its id.

        Returns:
            The span; with the tags that rose to it, if there are any.
        """
        root = self._roots.pop(span_id, None)
        risen = self._risen.pop(span_id, None) if self._risen else None
        if root is not None:
            root_id = root.context.span_id
            if root_id != span_id and root_id in self._roots:
                self._raise(span, root_id)
        return span if risen is None else _with_tags(span, risen)

    def _raise(self, span: Any, root_id: int) -> None:
        attributes = getattr(span, "_attributes", None)
        # The SDK's own mapping raises and catches an exception for each key that it has not.
        values = getattr(attributes, "_dict", None)
        if values is None:
            values = span.attributes or {}
        for key in TAG_ATTRIBUTES:
            if key in values:
                self._risen.setdefault(root_id, []).extend(_texts(values[key]))

    def _forget(self, span_id: int) -> None:
        self._roots.pop(span_id, None)
        self._risen.pop(span_id, None)


def _texts(tags: Any) -> list[str]:
    several = tags.split(",") if isinstance(tags, str) else tags or ()
    return [text for tag in several if (text := str(tag).strip())]


def _with_tags(span: Any, tags: list[str]) -> Any:
    """The ended span with more tags; the span itself, which others export, is left alone."""
    attributes = dict(span.attributes or {})
    before = attributes.get(TAGS_ATTRIBUTE, ())
    attributes[TAGS_ATTRIBUTE] = united(
        before if isinstance(before, (list, tuple)) else [str(before)], tags
    )
    changed = copy.copy(span)
    changed._attributes = attributes  # noqa: SLF001  (ReadableSpan's constructor loses what was dropped)
    return changed
