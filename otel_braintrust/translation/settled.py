"""What the attributes of a span give that do not vary: most of its metadata, and its context."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from otel_braintrust.translation import context, metadata, providers
from otel_braintrust.translation.parameters import is_set
from otel_braintrust.translation.reading import KEPT_ELSEWHERE, Reading, Suggestion
from otel_braintrust.translation.remainder import Said
from otel_braintrust.translation.simple_content import OddError
from otel_braintrust.translation.span import SpanView
from otel_braintrust.translation.strict import strict_row

# Names that payloads of a model call speak of as well, and names of what is no model call's.
OF_MODELS = frozenset({"request_model", "response_model", "provider"})
_OF_TOOLS = frozenset({"tool_name", "tool_call_id"})
# Payloads of one form name few models; beyond so many the entries are worked out anew.
MAX_VARIANTS = 64

Settle = Callable[[SpanView], Reading]


class Common:
    """What is common to all spans of a form.

    Args:
        settled: the attributes that do not vary, read.
        span_type: the spans' Braintrust type.

    Attributes:
        entries: the metadata.
        canonical: the names of the entries before which attributes of the same names are set aside.
        context: the row's context.
        said: what a row holds by the entries.
    """

    def __init__(self, settled: Reading, span_type: str) -> None:
        entries = metadata.decide(settled, span_type)
        self.canonical = frozenset(entries)
        self.context = strict_row(context.describe(settled))
        entries = metadata.finish(settled, entries)
        context.add_facts(settled, entries)
        self.entries = strict_row(entries)
        self.said = Said(entries)


class Settled:
    """What is common, and what becomes of it where varying attributes speak of the same.

    Args:
        span: a span of the form.
        span_type: its Braintrust type.
        settle: reads the attributes that do not vary.

    Attributes:
        reading: these attributes, read.
        common: what they give.
    """

    def __init__(self, span: SpanView, span_type: str, settle: Settle) -> None:
        self.reading = settle(span)
        self._named = dict(_best(self.reading))
        self.common = Common(self.reading, span_type)
        self._is_llm = span_type == "llm"
        self._span_type = span_type
        self._settle = settle
        self._variants: dict[Any, Common] = {}

    @property
    def names(self) -> frozenset[str]:
        """The entries that something settled speaks of, or may speak of."""
        names = {*self.common.entries, *self._named, *OF_MODELS}
        return frozenset(names | _OF_TOOLS if self._is_llm else names)

    def amended(self, reading: Reading, written: Collection[str]) -> tuple[Common, dict[str, Any]]:
        """Set what varying attributes and payloads suggest against what is settled.

        Args:
            reading: what they gave.
            written: names of entries that are written already.

        Returns:
            What is common then, and further entries.
        """
        free: dict[str, list[Suggestion]] = {}
        models: list[tuple[str, Suggestion]] = []
        for name, suggestions in reading.named.items():
            if name in OF_MODELS:
                models.extend(
                    (name, each) for each in suggestions if self._tells(name, each, reading)
                )
            elif self._is_llm and name in _OF_TOOLS:
                continue
            elif name in written:
                if any(each.key in reading.span.attributes for each in suggestions):
                    raise OddError
            elif name not in self._named:
                free[name] = suggestions
            elif any(self._tells(name, each, reading) for each in suggestions):
                raise OddError
        common = self._variant(reading, models) if models else self.common
        entries: dict[str, Any] = {}
        if free:
            metadata.add_named(reading, free, self._span_type, entries)
        return common, entries

    def _tells(self, name: str, suggestion: Suggestion, reading: Reading) -> bool:
        """Tell whether a suggestion changes anything beside what is settled."""
        settled = self._named.get(name)
        if settled is None or suggestion.rank < settled.rank or _may_go_back(suggestion, reading):
            return True
        if suggestion.rank > settled.rank:
            return False
        return type(suggestion.value) is not str or suggestion.value != settled.value

    def _variant(self, reading: Reading, models: list[tuple[str, Suggestion]]) -> Common:
        """What is common to spans whose payloads name a model that no attribute names."""
        for _, each in models:
            if type(each.value) is not str or _may_go_back(each, reading):
                raise OddError
        if not self._is_llm:  # there the attributes alone would be kept
            return self.common
        mark = tuple((name, each.rank, each.key, each.value) for name, each in models)
        found = self._variants.get(mark)
        if found is None:
            if len(self._variants) >= MAX_VARIANTS:
                self._variants.clear()
            found = self._variants[mark] = self._new_variant(reading.span, models)
        return found

    def _new_variant(self, span: SpanView, models: list[tuple[str, Suggestion]]) -> Common:
        settled = self._settle(span)
        for name, each in models:
            for other in settled.named.get(name, ()):
                if other.rank == each.rank and other.value != each.value:
                    raise OddError  # the order of the attributes would decide
        for name, each in models:
            settled.named.setdefault(name, []).append(each)
        found = Common(settled, self._span_type)
        if settled.problems:
            raise OddError
        return found


def _best(settled: Reading) -> Iterator[tuple[str, Suggestion]]:
    for name, suggestions in settled.named.items():
        found = [each for each in suggestions if is_set(each.value)]
        best = min(found, key=lambda each: each.rank, default=None)
        if best is not None and (name != "provider" or providers.normalise(best.value)):
            yield name, best


def _may_go_back(suggestion: Suggestion, reading: Reading) -> bool:
    """Tell whether a suggestion that loses is put back among the attributes left over."""
    return suggestion.raw is not KEPT_ELSEWHERE and (
        suggestion.key in reading.span.attributes or isinstance(suggestion.raw, dict)
    )
