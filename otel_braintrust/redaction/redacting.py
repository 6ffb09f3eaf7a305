"""The one gate that everything passes on its way out: rows, changes of rows, attachments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson

from otel_braintrust.redaction.content import STRUCTURE, without_content
from otel_braintrust.redaction.fields import (
    LEFT_OUT,
    NUMBERS,
    failed,
    is_structure,
    marker_of_failure,
    require_fit,
    require_json,
    times_of,
    with_failures,
)
from otel_braintrust.redaction.mask import Mask
from otel_braintrust.redaction.values import ValueMasking
from otel_braintrust.translation.strict import strict

# Told of a value that could not be masked: by what, in which field, with what class of error.
OnFailure = Callable[[str, str, str], object]
Step = Callable[[str, Any], Any]

TEXT_TYPES = ("text/", "application/json", "application/xml", "application/x-ndjson")
TEXT_ENDINGS = ("+json", "+xml")


class Redaction:
    """Masks what must not leave the process, field by field.

    A field that cannot be masked, because a function raises or gives something that JSON or the
    field does not hold, is replaced by ``ERROR: Failed to mask field 'name' - ErrorClass``; the
    other fields go out.

    Args:
        mask: What is masked; None: nothing.
        sends_content: False keeps back all content; see
            :func:`otel_braintrust.redaction.content.without_content`.
        on_failure: Told of each field that could not be masked; never of what it holds.

    Example::

        redaction = Redaction(read_mask("secrets"))
        redaction({"id": "1", "input": "my key is sk-ant-..."})
    """

    def __init__(
        self,
        mask: Mask | None = None,
        *,
        sends_content: bool = True,
        on_failure: OnFailure | None = None,
    ) -> None:
        self.sends_content = sends_content
        self._functions = mask.functions if mask is not None else ()
        self._values = ValueMasking(mask if mask is not None else Mask())
        self._on_failure = on_failure

    def __bool__(self) -> bool:
        """False when everything may go out as it is."""
        return bool(self._functions or self._values or not self.sends_content)

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Mask a row, or a change of one.

        Args:
            row: The row; it is not changed.

        Returns:
            A new row that may go out; None when it only said what may not be sent.
        """
        kept = dict(row) if self.sends_content else without_content(strict(row))
        if kept is None or not (self._functions or self._values):
            return kept
        failures: list[str] = []
        if self._functions:
            is_comment = "comment" in kept
            kept = self._pass(_plain(kept), self._by_functions, failures, is_comment=is_comment)
        found = self._values.search(kept) if self._values else None
        if found is not None:

            def look(name: str, value: Any) -> Any:
                if name in NUMBERS and isinstance(value, Mapping):
                    return self._values.numbers(value)
                return found.masked({name: value})[name]

            kept = self._pass(_plain(kept), look, failures)
        if failures:
            kept["error"] = with_failures(kept.get("error"), failures)
        return kept

    def value(self, value: Any, field: str = "attachment") -> Any:
        """Mask one value that goes out beside the rows, such as an attachment's JSON or its name.

        Args:
            value: Anything that JSON holds.
            field: What it is called where masking it fails.
        """
        if self._functions:
            value = self._try(field, value, self._by_functions, [])
        return self._try(field, value, lambda _, each: self._values.masked(each), [])

    def failure(self, field: str, error: Exception) -> str:
        """What stands in the place of a value that could not be masked; it is told, too."""
        marker = marker_of_failure(field, error)
        self._tell(field, marker)
        return marker

    def reads_files_of(self, content_type: str) -> bool:
        """Tell whether files of a media type are masked: text, JSON and XML.

        Of anything else, such as an image, nothing is known that could be masked.
        """
        kind = content_type.partition(";")[0].strip().lower()
        is_text = kind.startswith(TEXT_TYPES) or kind.endswith(TEXT_ENDINGS)
        return is_text and bool(self._functions or self._values)

    def file(self, data: bytes, content_type: str) -> bytes | None:
        """Mask a file that is uploaded beside the rows.

        Text, JSON and XML are masked as the fields of rows are; anything else goes as it is.

        Args:
            data: The file.
            content_type: Its media type.

        Returns:
            What may go out; None when content must not be sent at all.
        """
        if not self.sends_content:
            return None
        if not self.reads_files_of(content_type):
            return data
        if "json" in content_type.lower():
            try:
                value = orjson.loads(data)
            except ValueError:
                pass
            else:
                masked = self.value(value)
                return data if masked is value else orjson.dumps(masked)
        text = data.decode("utf-8", "replace")
        masked = self.value(text)
        if masked is text:
            return data
        return masked.encode() if isinstance(masked, str) else orjson.dumps(masked)

    def _pass(
        self,
        row: Mapping[str, Any],
        step: Step,
        failures: list[str],
        *,
        is_comment: bool = False,
    ) -> dict[str, Any]:
        """Take each field of a row through a step; what fails says so in its place."""
        passed: dict[str, Any] = {}
        for name, value in row.items():
            # A comment's origin says which row it is about.
            if name in STRUCTURE or value is None or (is_comment and name == "origin"):
                passed[name] = value
            elif name == "span_attributes" and isinstance(value, Mapping):
                passed[name] = self._pass_span(value, step)
            elif name == "comment" and isinstance(value, Mapping):
                passed[name] = {key: self._try(name, each, step, []) for key, each in value.items()}
            else:
                masked = self._try(name, value, step, failures)
                if masked is not None or name not in LEFT_OUT:
                    passed[name] = masked
        return passed

    def _pass_span(self, value: Mapping[str, Any], step: Step) -> dict[str, Any]:
        kept = {key: each for key, each in value.items() if is_structure(key, each)}
        further = {key: each for key, each in value.items() if key not in kept}
        if "name" in further:
            kept["name"] = self._try("name", further.pop("name"), step, [])
        if further:
            kept.update(self._try("span_attributes", further, step, []))
        return kept

    def _try(self, name: str, value: Any, step: Step, failures: list[str]) -> Any:
        try:
            passed = step(name, value)
            require_fit(name, value, passed)
        except Exception as error:  # noqa: BLE001  (a user's function may fail in any way)
            marker = self.failure(name, error)
            if name in NUMBERS:
                failures.append(marker)
            return failed(name, value, marker)
        return {**passed, **times_of(name, value)} if name in NUMBERS else passed

    def _by_functions(self, name: str, value: Any) -> Any:  # noqa: ARG002  (as every step)
        for function in self._functions:
            value = function(value)
        require_json(value)
        return value

    def _tell(self, field: str, marker: str) -> None:
        if self._on_failure is not None:
            names = [getattr(each, "__qualname__", type(each).__name__) for each in self._functions]
            self._on_failure(", ".join(names) or "the mask", field, marker.rpartition(" ")[2])


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in JSON's own kinds alone: what is made into text only later could not be masked."""
    return cast("dict[str, Any]", strict(row))
