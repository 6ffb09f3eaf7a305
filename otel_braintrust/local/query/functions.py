"""The SQL functions that SQLite lacks and queries need."""

from __future__ import annotations

import json
import re
import sqlite3
from functools import lru_cache
from typing import Any

import orjson

_WILDCARDS = {"%": ".*", "_": "."}
_WORD = re.compile(r"\w+")


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the functions."""
    connection.create_function("bt_like", 2, _like, deterministic=True)
    connection.create_function("bt_ilike", 2, _ilike, deterministic=True)
    connection.create_function("bt_match", 2, _match, deterministic=True)
    connection.create_function("bt_dig", 2, _dig, deterministic=True)


@lru_cache(maxsize=256)
def _pattern(text: str, flags: int) -> re.Pattern[str]:
    parts = (_WILDCARDS.get(part) or re.escape(part) for part in text)
    return re.compile("".join(parts), re.DOTALL | flags)


def _like(text: Any, pattern: str) -> bool | None:
    """`LIKE` that minds case, unlike SQLite's own."""
    return None if text is None else _pattern(pattern, 0).fullmatch(str(text)) is not None


def _ilike(text: Any, pattern: str) -> bool | None:
    """`LIKE` that does not mind case, in any alphabet."""
    if text is None:
        return None
    return _pattern(pattern, re.IGNORECASE).fullmatch(str(text)) is not None


@lru_cache(maxsize=256)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _match(text: Any, wanted: str) -> bool | None:
    """`MATCH`: each word of the pattern is a word of the text, whatever their case and order."""
    if text is None:
        return None
    return _words(wanted) <= frozenset(_WORD.findall(str(text).casefold()))


def _dig(event: str, path: str) -> str | None:
    """The JSON at a path, for keys that SQLite's own paths cannot name."""
    value = orjson.loads(event)
    for part in json.loads(path):
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
            value = value[part]
        else:
            return None
    return orjson.dumps(value).decode()
