"""How the calls of one function become spans: its name, its arguments, its result."""

from __future__ import annotations

import inspect
from typing import Any

from opentelemetry.trace import Span, Tracer

from otel_braintrust.annotations import ATTRIBUTE_BY_FIELD, TYPE_ATTRIBUTE, json_text

_INPUT = ATTRIBUTE_BY_FIELD["input"]
_OUTPUT = ATTRIBUTE_BY_FIELD["output"]


class Calls:
    """How the calls of one function become spans; worked out once, when it is decorated.

    Args:
        function: The function.
        name: The spans' name; None: the function's.
        span_type: Braintrust's type; None: none.
        notrace_io: Leave arguments and result out.
    """

    def __init__(
        self, function: Any, name: str | None, span_type: str | None, notrace_io: bool
    ) -> None:
        self.name = name or getattr(function, "__name__", None) or type(function).__name__
        self.traces_io = not notrace_io
        self._attributes: dict[str, Any] = {TYPE_ATTRIBUTE: span_type} if span_type else {}
        self._without_arguments = {**self._attributes, **({_INPUT: "{}"} if self.traces_io else {})}
        self._signature: inspect.Signature | None = None
        self._names: tuple[str, ...] = ()
        self._skipped: str | None = None
        try:
            self._signature = inspect.signature(function)
        except (TypeError, ValueError):  # a function in C that does not tell
            return
        parameters = list(self._signature.parameters.values())
        if not any(each.kind in _COLLECTING for each in parameters):
            self._names = tuple(p.name for p in parameters if p.kind in _POSITIONAL)
        if parameters and _is_method(function) and parameters[0].name in ("self", "cls"):
            self._skipped = parameters[0].name

    def start(self, maker: Tracer, arguments: tuple[Any, ...], named: dict[str, Any]) -> Span:
        """Start the span of one call."""
        if not arguments and not named:
            return maker.start_span(self.name, attributes=self._without_arguments)
        if not self.traces_io:
            return maker.start_span(self.name, attributes=self._attributes)
        text = json_text(self._by_name(arguments, named))
        return maker.start_span(self.name, attributes={**self._attributes, _INPUT: text})

    def note_output(self, span: Span, output: Any) -> None:
        """Write what a call returned, if it returned anything."""
        if output is not None and self.traces_io and span.is_recording():
            span.set_attribute(_OUTPUT, json_text(output))

    def _by_name(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        if self._names and len(arguments) <= len(self._names):
            bound = dict(zip(self._names, arguments, strict=False))
            bound.update(named)
        else:
            bound = self._bound(arguments, named)
        bound.pop(self._skipped, None)  # type: ignore[arg-type]  # None is no name of an argument
        return bound

    def _bound(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._signature is not None:
                return dict(self._signature.bind(*arguments, **named).arguments)
        except TypeError:  # the call itself will say what is wrong
            pass
        return {"args": arguments, "kwargs": named}


_COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _is_method(function: Any) -> bool:
    outer, _, _ = getattr(function, "__qualname__", "").rpartition(".")
    return bool(outer) and not outer.endswith("<locals>")
