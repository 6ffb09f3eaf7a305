"""JSON files that a command takes in, read whole and checked; a fault is told with its place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson

from otel_braintrust.cli.failure import ASKED_WRONGLY, CommandError

STDIN = "-"


def read_json(name: str) -> Any:
    """Read a file that holds one JSON document.

    Args:
        name: the path; `-` is stdin.

    Returns:
        The document.

    Raises:
        CommandError: it cannot be read, or is not JSON; the message has line and column.
    """
    return _parse(read_text(name), _label(name))


def read_json_or_lines(name: str) -> list[Any]:
    """Read a file of records: a JSON array, one JSON object, or one object a line.

    Args:
        name: the path; `-` is stdin.

    Returns:
        The records.

    Raises:
        CommandError: it cannot be read, or is not JSON; the message has line and column.
    """
    text, label = read_text(name), _label(name)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > 1 and _is_object(lines[0][1]):
        return [_parse(line, label, first_line=number) for number, line in lines]
    document = _parse(text, label)
    return document if isinstance(document, list) else [document]


def read_text(name: str) -> str:
    """Read a file of text in UTF-8; `-` is stdin."""
    label = _label(name)
    try:
        data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise CommandError(f"{label}: cannot be read: {reason}", ASKED_WRONGLY) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise CommandError(
            f"{label}: not UTF-8 at line {line} column {column}: {error.reason}", ASKED_WRONGLY
        ) from None
    if not text.strip():
        raise CommandError(f"{label}: is empty, expected JSON", ASKED_WRONGLY)
    return text


def parse_option(text: str, option: str) -> Any:
    """Read the JSON value of an option.

    Args:
        text: what stood after the option.
        option: its name, for the message.

    Returns:
        The value.

    Raises:
        CommandError: it is not JSON; the message has line and column.
    """
    return _parse(text, option)


def read_filters(text: str | None) -> dict[str, Any]:
    """Read the option `--filters`; empty when it is not given.

    Raises:
        CommandError: it is not JSON, or no filter.
    """
    from otel_braintrust.client import FilterError
    from otel_braintrust.client.filters import compile_filters

    wanted: dict[str, Any] = parse_option(text, "--filters") if text and text.strip() else {}
    try:
        compile_filters(wanted)
    except FilterError as error:
        raise CommandError(f"--filters: {error}", ASKED_WRONGLY) from error
    return wanted


def _parse(text: str, label: str, first_line: int = 1) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        line = error.lineno + first_line - 1
        raise CommandError(
            f"{label}: not JSON at line {line} column {error.colno}: {error.msg}", ASKED_WRONGLY
        ) from None


def _is_object(line: str) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _label(name: str) -> str:
    return "stdin" if name == STDIN else name
