"""The one gate that everything passes on its way out: rows, changes of rows, attachments."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from otel_braintrust.redaction.content import STRUCTURE, without_content
from otel_braintrust.redaction.mask import Mask, MaskFunction
from otel_braintrust.redaction.values import ValueMasking

# Told of a value that could not be masked: by what, in which field, with what class of error.
OnFailure = Callable[[str, str, str], object]

OBJECT_FIELDS = frozenset(("metadata", "context", "origin", "_audit_metadata", "span_attributes"))
NUMBER_FIELDS = frozenset(("scores", "metrics"))
TAGS = "tags"
# Of a row's metrics these are its place in time.
TIMES = ("start", "end")
# What the span is to Braintrust; its name and whatever else stands there may hold anything.
SPAN_STRUCTURE = frozenset(("type", "purpose", "exec_counter", "log_level"))
TEXT_TYPES = ("text/", "application/json", "application/xml", "application/x-ndjson")
TEXT_ENDINGS = ("+json", "+xml")


class NotMaskableError(Exception):
    """A mask gave a value that cannot stand where it came from."""


class Redaction:
    """Masks what must not leave the process, field by field.

    A field that cannot be masked, because a function raises or gives something that JSON does not
    hold, is replaced by ``ERROR: Failed to mask field 'name' - ErrorClass``; the others go out.

    Args:
        mask: What is masked; None: nothing.
        sends_content: False keeps back all content; see :func:`.content.without_content`.
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
            A row that may go out; None when it only said what may not be sent.
        """
        kept = dict(row) if self.sends_content else without_content(row)
        if kept is None or not (self._functions or self._values):
            return kept
        is_walked = bool(self._values) and self._values.may_change(kept)
        if not is_walked and not self._functions:
            return kept
        failures: list[str] = []
        masked: dict[str, Any] = {}
        for name, value in kept.items():
            if name in STRUCTURE or value is None:
                masked[name] = value
            else:
                self._put(masked, name, value, kept, failures, is_walked=is_walked)
        if failures:
            said = masked.get("error")
            said = [said] if isinstance(said, str) else [json.dumps(said)] if said else []
            masked["error"] = "; ".join([*said, *failures])
        return masked

    def value(self, value: Any, field: str = "attachment") -> Any:
        """Mask one value that goes out beside the rows, such as the JSON of an attachment.

        Args:
            value: Anything that JSON holds.
            field: What it is called where masking it fails.
        """
        try:
            return self._masked(value, field, is_walked=bool(self._values))
        except Exception as error:  # noqa: BLE001  (a user's function may fail in any way)
            return self._failure(field, error)

    def file(self, data: bytes, content_type: str) -> bytes | None:
        """Mask a file that is uploaded beside the rows.

        Text, JSON and XML are masked as the fields of rows are; of anything else, such as an image,
        nothing is known that could be masked, and it goes as it is.

        Args:
            data: The file.
            content_type: Its media type.

        Returns:
            What may go out; None when content must not be sent at all.
        """
        if not self.sends_content:
            return None
        kind = content_type.partition(";")[0].strip().lower()
        if not self or not (kind.startswith(TEXT_TYPES) or kind.endswith(TEXT_ENDINGS)):
            return data
        if kind.endswith("json"):
            try:
                value = orjson.loads(data)
            except ValueError:
                pass
            else:
                masked = self.value(value)
                return data if masked is value else orjson.dumps(masked)
        masked = self.value(data.decode("utf-8", "replace"))
        return masked.encode() if isinstance(masked, str) else orjson.dumps(masked)

    def _put(
        self,
        masked: dict[str, Any],
        name: str,
        value: Any,
        row: Mapping[str, Any],
        failures: list[str],
        *,
        is_walked: bool,
    ) -> None:
        """Put a field's masked value into the new row, or what says that it failed."""
        try:
            masked[name] = self._field(name, value, row, is_walked=is_walked)
        except Exception as error:  # noqa: BLE001  (a user's function may fail in any way)
            marker = self._failure(name, error)
            if name in NUMBER_FIELDS:
                masked[name] = _times(name, value)
                failures.append(marker)
            elif name in OBJECT_FIELDS:
                masked[name] = {"error": marker}
            else:
                masked[name] = [marker] if name == TAGS else marker

    def _field(self, name: str, value: Any, row: Mapping[str, Any], *, is_walked: bool) -> Any:
        if name == "span_attributes" and isinstance(value, Mapping):
            return self._span_attributes(value, is_walked)
        if name == "comment" and isinstance(value, Mapping):
            return {key: self._named(name, each, is_walked) for key, each in value.items()}
        # A comment's origin says which row it is about.
        functions = () if name == "origin" and "comment" in row else self._functions
        if name in NUMBER_FIELDS and isinstance(value, Mapping):
            return self._numbers(name, value, functions)
        masked = self._masked(value, name, functions, is_walked=is_walked)
        if name in OBJECT_FIELDS and not isinstance(masked, Mapping):
            raise NotMaskableError
        if name == TAGS and not _are_texts(masked):
            raise NotMaskableError
        return masked

    def _span_attributes(self, value: Mapping[str, Any], is_walked: bool) -> dict[str, Any]:
        kept = {key: inner for key, inner in value.items() if key in SPAN_STRUCTURE}
        further = {key: inner for key, inner in value.items() if key not in SPAN_STRUCTURE}
        if "name" in further:
            kept["name"] = self._named("name", further.pop("name"), is_walked)
        if further:
            masked = self._named("span_attributes", further, is_walked)
            kept.update(masked if isinstance(masked, Mapping) else {"error": masked})
        return kept

    def _named(self, name: str, value: Any, is_walked: bool) -> Any:
        """Mask a member that stands by itself, such as a span's name."""
        try:
            masked = self._masked(value, name, is_walked=is_walked)
            if isinstance(value, str) and not isinstance(masked, str):
                raise NotMaskableError  # noqa: TRY301  (told as any other failure)
        except Exception as error:  # noqa: BLE001  (a user's function may fail in any way)
            return self._failure(name, error)
        return masked

    def _masked(
        self,
        value: Any,
        field: str,
        functions: Sequence[MaskFunction] | None = None,
        *,
        is_walked: bool,
    ) -> Any:
        for function in self._functions if functions is None else functions:
            value = function(value)
        if self._functions:
            _require_json(value)
        if is_walked:
            return self._values.masked({field: value})[field]
        return value

    def _numbers(
        self, name: str, value: Mapping[str, Any], functions: Sequence[MaskFunction]
    ) -> dict[str, Any]:
        numbers: Any = dict(value)
        for function in functions:
            numbers = function(numbers)
        if not isinstance(numbers, Mapping) or not all(map(_is_number, numbers.values())):
            raise NotMaskableError
        if self._values:
            numbers = self._values.numbers(numbers)
        return {**numbers, **_times(name, value)}

    def _failure(self, field: str, error: Exception) -> str:
        kind = type(error).__name__
        if isinstance(error, NotMaskableError):
            kind = "TypeError"
        if self._on_failure is not None:
            self._on_failure(self._name, field, kind)
        return f"ERROR: Failed to mask field {field!r} - {kind}"

    @property
    def _name(self) -> str:
        names = [getattr(each, "__qualname__", type(each).__name__) for each in self._functions]
        return ", ".join(names) or "the mask"


def _times(name: str, value: Any) -> dict[str, Any]:
    if name != "metrics" or not isinstance(value, Mapping):
        return {}
    return {key: value[key] for key in TIMES if _is_number(value.get(key, ""))}


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _are_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)


def _require_json(value: Any) -> None:
    """Refuse what JSON does not hold: text made of an unknown object may say anything.

    Raises:
        TypeError: Something in it is of another kind.
        ValueError: It refers to itself.
    """
    try:
        orjson.dumps(value)
    except TypeError:
        # Lone surrogates, long integers and keys that are no text are JSON to the standard library.
        json.dumps(value)
