"""Attribute values as they were meant: native values, JSON text, JSON text in JSON text.

Instrumentations write structure in five encodings: native scalars, native nesting, JSON text, JSON
text that encodes a JSON text, lists of JSON texts. The functions here read them all, and but for
`parse` they never raise.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

# Texts that instrumentations write where they have no value: they never win against a real one.
PLACEHOLDERS = frozenset(
    {
        "",
        "{}",
        "[]",
        "null",
        "None",
        "undefined",
        "N/A",
        "NOT_GIVEN",
        "<not serializable>",
        "__REDACTED__",
        "[REDACTED]",
        "<REDACTED>",
    }
)
_LONGEST_PLACEHOLDER = 40
REDACTIONS = frozenset({"__REDACTED__", "[REDACTED]", "<REDACTED>"})

# Values of parameters that say "was not set": dropped, since they carry nothing.
UNSET = frozenset({"", "None", "NOT_GIVEN", "undefined", "null", "N/A"})


def parse(text: str) -> Any:
    """Parse JSON text.

    Raises:
        ValueError: the text is not JSON. `NaN` and lone surrogates, which orjson refuses, are read.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        if not _may_be_refused(text):
            raise
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None


# As deep as a text may go that has so few brackets, orjson follows.
_FEW_BRACKETS = 500


def _may_be_refused(text: str) -> bool:
    """Tell whether a text may be JSON all the same when orjson says that it is none."""
    return (
        type(text) is not str  # orjson takes no text that carries more, such as attachments
        or not text.isascii()
        or "\\u" in text
        or "NaN" in text
        or "Infinity" in text
        or text.count("[") + text.count("{") > _FEW_BRACKETS
    )


def starts_like_json(text: str) -> bool:
    """Tell whether a text opens as a JSON object or list."""
    return text[:1] in "{[" or text[:64].lstrip()[:1] in ("{", "[")


_NATIVE = frozenset({str, int, float, bool, type(None), list, tuple, dict, bytes})


def native(value: Any) -> Any:
    """Return an attribute value that readers may take for Python's own dict or list, if it is one.

    OpenTelemetry's SDK has no others; a span of another making may hold any mapping or sequence.
    """
    if type(value) in _NATIVE:
        return value
    if isinstance(value, Mapping):
        return {key: native(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return [native(inner) for inner in value]
    return value


# Of what JSON's texts hold, all that is no text.
_PARSED = frozenset({dict, list, int, float, bool, type(None)})


def decode(value: Any) -> Any:
    """Read a value of a key that is known to hold JSON, or of any key if it opens like a container.

    Args:
        value: an attribute value.

    Returns:
        The parsed object or list; a JSON string's text; other values as they are. Text such as
        `123`, `true` or `null` stays text, and so does JSON that was cut short.
    """
    if isinstance(value, str):
        if not value:
            return value
        first = value[0] if value[0] > " " else value.lstrip()[:1]
        if first not in ("{", "[", '"'):
            return value
        try:
            parsed = parse(value)
        except ValueError:
            return value
        if isinstance(parsed, str) and parsed[:1] in ("{", "[", '"'):
            try:
                return parse(parsed)
            except ValueError:
                return parsed
        return parsed
    if type(value) in _PARSED:
        return value
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, bytes) and (text := _text_of(value)) is not None:
        return decode(text)
    return value


def decode_container(value: Any) -> Any:
    """Read a value that may be JSON: parsed if it is an object or list, else as it is."""
    if isinstance(value, str):
        if value[:1] in ("{", "[") or (value[:1].isspace() and starts_like_json(value)):
            try:
                return parse(value)
            except ValueError:
                return value
        return value
    if type(value) in _PARSED:
        return value
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, bytes) and (text := _text_of(value)) is not None:
        return decode_container(text)
    return value


def _text_of(value: bytes) -> str | None:
    """Return the text that bytes are: LangSmith hands on what its JSON encoder made."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


# Longer texts than this are not read as Python: its parser is slow, and nobody reads them either.
MAX_LITERAL_CHARACTERS = 65_536
_ENDS = {"{": "}", "[": "]"}


def read_literal(text: str) -> Any:
    """Read what Python's `str()` makes of a dict or list; the text itself if it is no such thing.

    For values that must be a structure, such as a call's arguments; all others stay as written.
    """
    stripped = text.strip()
    if (
        "'" not in stripped[:4]
        or len(stripped) > MAX_LITERAL_CHARACTERS
        or stripped[-1:] != _ENDS.get(stripped[:1])
    ):
        return text
    try:
        value = ast.literal_eval(stripped)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text
    return value if isinstance(value, (dict, list)) else text


def is_cut_short(value: Any) -> bool:
    """Tell whether a text opens like JSON and is none: cut by a length limit."""
    if not isinstance(value, str) or not value[:1] or value[:1] not in '{["':
        return False
    try:
        parse(value)
    except ValueError:
        return read_literal(value) is value
    return False


def is_placeholder(value: Any) -> bool:
    """Tell whether a value stands for "nothing here": empty, `{}`, `N/A`, a redaction text."""
    if value is None:
        return True
    if isinstance(value, str):
        # A long text is not hashed, nor copied, to find that it is none.
        if len(value) > _LONGEST_PLACEHOLDER and not (value[0].isspace() or value[-1].isspace()):
            return False
        return value in PLACEHOLDERS or value.strip() in PLACEHOLDERS
    if isinstance(value, (dict, list, tuple, bytes)):
        return not value
    return False


def is_redaction(value: Any) -> bool:
    """Tell whether a value is what an instrumentation writes in place of hidden content."""
    return isinstance(value, str) and value in REDACTIONS


def as_mapping(value: Any) -> Mapping[str, Any] | None:
    """Read a value as an object, parsing JSON text or Python's; None if it is none."""
    decoded = decode(value)
    if isinstance(decoded, str):
        decoded = read_literal(decoded)
    return decoded if isinstance(decoded, dict) else None


def as_list(value: Any) -> list[Any] | None:
    """Read a value as a list, parsing JSON text; None if it is none."""
    decoded = decode(value)
    if isinstance(decoded, (list, tuple)):
        return list(decoded)
    return None


def to_text(value: Any) -> str:
    """Write a value as text: a string as it is, else compact JSON without `\\u` escapes."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value, default=_plain).decode()
    except (TypeError, ValueError):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): inner for key, inner in value.items()}
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    return repr(value)
