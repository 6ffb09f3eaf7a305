"""Whether a span goes: the user's function first, then the rules in their order, then the mode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from otel_braintrust.asking import ask
from otel_braintrust.selection.ai_spans import calls_model, is_ai_span
from otel_braintrust.selection.infrastructure import INFRASTRUCTURE_SCOPES, MODEL_SCOPES
from otel_braintrust.selection.rules import Rule
from otel_braintrust.selection.scopes import Scopes
from otel_braintrust.sizes import attribute_values
from otel_braintrust.verdicts import Verdict

MODES = ("app", "ai", "all")

# A process that makes more scopes than this names them by something that changes.
MAX_SCOPES = 1000

SpanFilter = Callable[[Any], "bool | None"]

KEEP, DROP, IF_BENEATH, OPEN = Verdict.KEEP, Verdict.DROP, Verdict.IF_BENEATH, Verdict.OPEN


class Selection:
    """Judges spans; the first that has an opinion decides: function, rules, mode.

    - ``all``: every span goes.
    - ``ai``: those with an attribute of artificial intelligence, as Braintrust specifies it.
    - ``app``: all but infrastructure with nothing kept beneath it. A span of an infrastructure
      scope that tells of a model call (Bedrock's by botocore, for instance) is none.

    Args:
        mode: One of :data:`MODES`.
        rules: In their order.
        span_filter: Called with each span that ended: True keeps it, False drops it, None is no
            opinion. A span for which it fails is kept.
        infrastructure: Scopes of infrastructure beside those known.
        on_failure: Called with what the function raised.

    Attributes:
        certain: What is certain of every span of a scope, by the scopes that were asked for lately.

    Raises:
        ValueError: There is no such mode.
    """

    def __init__(
        self,
        mode: str = "app",
        *,
        rules: Iterable[Rule] = (),
        span_filter: SpanFilter | None = None,
        infrastructure: Iterable[str] = (),
        on_failure: Callable[[BaseException], object] | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"spans is {mode!r}, but must be one of {', '.join(MODES)}")
        self.mode = mode
        self._rules = tuple(rules)
        self._span_filter = span_filter
        self._infrastructure = Scopes([*INFRASTRUCTURE_SCOPES, *infrastructure], but=MODEL_SCOPES)
        self._on_failure = on_failure
        self._by_mode = _BY_MODE[mode]
        self._early_by_scope: dict[str, Verdict | None] = {}
        self.certain: dict[str, Verdict] = {}

    def early(self, span: Any) -> Verdict:
        """What is certain of a span that has not ended, whatever is still written on it.

        Args:
            span: The running span.
        """
        verdict = self._of_scope(span)
        if verdict is not None:
            return verdict
        # The application may write on it at this moment.
        return KEEP if is_ai_span(tuple(attribute_values(span))) else OPEN

    def final(self, span: Any) -> Verdict:
        """What becomes of a span that ended: kept, dropped, or kept if one beneath it is.

        Args:
            span: The span as it was made, without what a processor of ours wrote on it.
        """
        verdict = self._of_scope(span)
        if verdict is KEEP or verdict is DROP:
            return verdict
        if verdict is IF_BENEATH:
            return KEEP if calls_model(attribute_values(span)) else IF_BENEATH
        if self._span_filter is not None:
            answer = ask(self._opinion_of, span, self._on_failure, otherwise=True)
            if answer is not None:
                return KEEP if answer else DROP
        scope = _scope_of(span)
        if self._rules:
            attributes = span.attributes or {}
            for rule in self._rules:
                if rule.means(scope, span.name, attributes):
                    return KEEP if rule.keep else DROP
        return self._by_mode(self, scope, span)

    def _of_scope(self, span: Any) -> Verdict | None:
        """What is certain of every span of a span's scope; None: its attributes must be asked."""
        try:
            name = span._instrumentation_scope._name  # noqa: SLF001  (see origin_of)
        except AttributeError:  # a span of another making, or without a scope
            name = _scope_of(span)
        try:
            return self._early_by_scope[name]
        except KeyError:
            if len(self._early_by_scope) >= MAX_SCOPES:
                self._early_by_scope.clear()
                self.certain.clear()
            verdict = self._early_by_scope[name] = self._judge_scope(name or "")
            if verdict is not None and verdict is not OPEN:
                self.certain[name] = verdict
            return verdict

    def _judge_scope(self, scope: str) -> Verdict | None:
        if self._span_filter is not None:
            return OPEN
        for rule in self._rules:
            if rule.may_mean(scope):
                if not rule.asks_scope_alone:
                    return OPEN
                return KEEP if rule.keep else DROP
        if self.mode == "ai":
            return None
        return IF_BENEATH if self.mode == "app" and scope in self._infrastructure else KEEP

    def _opinion_of(self, span: Any) -> bool | None:
        answer = self._span_filter(span) if self._span_filter is not None else None
        return None if answer is None else bool(answer)

    def _in_app(self, scope: str, span: Any) -> Verdict:
        if scope not in self._infrastructure or calls_model(attribute_values(span)):
            return KEEP
        return IF_BENEATH

    def _in_ai(self, _scope: str, span: Any) -> Verdict:
        return KEEP if is_ai_span(attribute_values(span)) else DROP

    def _in_all(self, _scope: str, _span: Any) -> Verdict:
        return KEEP


_BY_MODE: Mapping[str, Callable[[Selection, str, Any], Verdict]] = {
    "app": Selection._in_app,  # noqa: SLF001  (the class's own table)
    "ai": Selection._in_ai,  # noqa: SLF001
    "all": Selection._in_all,  # noqa: SLF001
}


def _scope_of(span: Any) -> str:
    scope = span.instrumentation_scope
    return (scope.name or "") if scope is not None else ""
