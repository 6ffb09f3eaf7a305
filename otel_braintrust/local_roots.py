"""The outermost span of this process above each open span, and the tags that rise to it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from otel_braintrust.annotations import TAGS_ATTRIBUTE, united
from otel_braintrust.sizes import attribute_values

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
# What hangs on a root that does not go waits for a few seconds at most.
MAX_ENDED_ROOTS = 1_000


class LocalRoots:
    """Follows open spans; used by one thread at a time.

    Most spans have no tags, and are followed by whoever reads events: what starts is put in
    :attr:`open`, with the root of its parent, if that is in there, or as its own; what ends is
    taken out.

    Args:
        max_open: Most open spans remembered; the oldest are forgotten first.

    Attributes:
        open: The root of each open span, which may have ended, by the span's id.
    """

    def __init__(self, *, max_open: int = MAX_OPEN_SPANS) -> None:
        self._max_open = max_open
        self.open: dict[int, Any] = {}
        self._risen: dict[int, list[str]] = {}
        # The tags of roots that ended, for spans that go though those do not.
        self._ended: dict[int, list[str]] = {}

    def __len__(self) -> int:
        return len(self.open)

    def of(self, span_id: int) -> Any | None:
        """The local root of an open span, which may have ended; None: nothing is known of it."""
        return self.open.get(span_id)

    def forget_oldest(self) -> None:
        """Forget the oldest open spans that are too many."""
        while len(self.open) > self._max_open:
            span_id = next(iter(self.open))
            self.open.pop(span_id)
            self._risen.pop(span_id, None)

    def end(self, span: Any, span_id: int, root: Any, values: Mapping[str, Any]) -> Any:
        """Let the tags of a span that ended rise to its local root, while that is open.

        Args:
            span: The ended span.
            span_id: Its id.
            root: Its root, which was taken out of :attr:`open`; None: it was not in there.
            values: Its attributes.

        Returns:
            The span; with the tags that rose to it, if there are any.
        """
        risen = self._risen.pop(span_id, None) if self._risen else None
        if risen is None and not _has_tags(values):
            return span
        if root is not None:
            root_id = root.context.span_id
            if root_id == span_id:
                self._note_end(span, risen)
            elif root_id in self.open:
                self._raise(span, root_id)
        return span if risen is None else _with_tags(span, risen)

    def _raise(self, span: Any, root_id: int) -> None:
        tags = _tags_of(attribute_values(span))
        if tags:
            self._risen.setdefault(root_id, []).extend(tags)

    def add_tags(self, span_id: int, tags: Iterable[str], *, also_itself: bool) -> bool:
        """Let tags rise from an open span to its local root, while that is open.

        Args:
            span_id: The span's id.
            tags: The tags.
            also_itself: Whether the span itself may be that root.

        Returns:
            False when there is no such root.
        """
        root = self.open.get(span_id)
        root_id = None if root is None else root.context.span_id
        if root_id not in self.open or (root_id == span_id and not also_itself):
            return False
        self._risen.setdefault(root_id, []).extend(tags)
        return True

    def with_tags_of(self, span: Any, root_id: int) -> Any:
        """A span that goes in place of the root above it, which does not, with that one's tags.

        Args:
            span: The ended span.
            root_id: The id of the root, which may have ended.
        """
        root = self.open.get(root_id)
        tags = self._ended.get(root_id) or self._risen.get(root_id) or []
        if root is not None:
            tags = united(_tags_of(dict(attribute_values(root))), tags)
        return _with_tags(span, tags) if tags else span

    def _note_end(self, span: Any, risen: list[str] | None) -> None:
        tags = united(_tags_of(attribute_values(span)), risen or ())
        if tags:
            self._ended[span.context.span_id] = tags
            if len(self._ended) > MAX_ENDED_ROOTS:
                self._ended.pop(next(iter(self._ended)))


def _has_tags(values: Mapping[str, Any]) -> bool:
    for key in TAG_ATTRIBUTES:  # noqa: SIM110  (`any` would make a generator for every span)
        if key in values:
            return True
    return False


def _tags_of(values: Mapping[str, Any]) -> list[str]:
    return [text for key in TAG_ATTRIBUTES for text in _texts(values.get(key))]


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
