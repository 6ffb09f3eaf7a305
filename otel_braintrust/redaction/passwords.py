"""Secrets that are known by what stands before them: a name, or the form of an address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from otel_braintrust.redaction.detectors import MARKER_START, Detector

# Names of what is always a secret. What may stand before one does not matter (`db_password`,
# `OPENAI_API_KEY`), what may follow does: `password_hint` and `max_tokens` are harmless.
_NAMES = (
    r"pass(?:words?|wd|phrase|code)|pwd|client[ _-]?secrets?|secrets?|credentials?"
    r"|api[ _-]?keys?|(?:access|account|private|secret|signing|encryption|subscription|auth|shared"
    r"[ _-]?access)[ _-]?keys?|(?:access|refresh|auth|id|session|bearer|api|security|csrf|secret)"
    r"[ _-]?token|connection[ _-]?string"
)
_TAILS = r"prod(?:uction)?|dev|test|staging|live|value|text|old|new|current|confirm|key|id|b64|\d+"
_WHOLE_NAME = re.compile(
    rf".*(?:{_NAMES})(?:[ _-]?(?:{_TAILS}))*|.*authorization|(?:.*[^a-z])?(?:set[ _-]?)?cookie",
    re.DOTALL,
)
_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
MAX_NAME_CHARS = 200

# What every name of a secret has in it, in lower case, by which most texts are passed over.
_HINT = re.compile(
    r"passw|passphrase|passcode|pwd|secret|credential|token(?![a-z]|_(?:usage|count|details))"
    r"|(?:api|access|account|private|signing|encryption|subscription|auth)[ _-]?key"
    r"|connection[ _-]?string|authorization|cookie"
)
_STEMS = (
    *("passw", "passphrase", "passcode", "pwd", "secret", "credential", "key", "token"),
    *("connection", "authorization", "cookie"),
)

_ASSIGNMENT = (
    rf"(?i)(?P<name>{_NAMES}|token)(?:[ _-]?(?:{_TAILS}))?(?P<separator>\\?[\"'\]]{{0,2}}\s{{0,4}}"
    r"(?::=|=>|[:=])\s{0,4})"
    r"(?:\"(?P<double>(?:[^\"\\\n]|\\.)+)|'(?P<single>(?:[^'\\\n]|\\.)+)"
    r"|(?P<bare>[^\s\"'&,;<>]{3,}))"
)
# What stands for no value, for the kind of one, or for where it comes from.
_HARMLESS = re.compile(
    r"(?i)(?:none|null|nil|true|false|undefined|str(?:ing)?|int(?:eger)?|bytes|any|optional|required"
    r"|number|object|boolean|n/a|\*+|\.+|x+|-+)|\$\{[\w.:-]*\}|\{\{?[\w. :-]*\}?\}|<[\w -]*>"
    r"|(?:os\.environ|process\.env|os\.getenv|getenv)\b.*"
)


def is_secret_name(name: str) -> bool:
    """Tell whether a key, a header or a variable of this name holds a secret.

    Example:
        >>> [is_secret_name(each) for each in ("db_password", "apiKey", "max_tokens")]
        [True, True, False]
    """
    return len(name) <= MAX_NAME_CHARS and _is_secret_name(name)


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    # Attributes spread over keys end in the place in a list: `headers.authorization.0`.
    last = next((each for each in reversed(name.split(".")) if not each.isdigit()), "")
    plain = _BOUNDARY.sub("_", last).lower()
    return _WHOLE_NAME.fullmatch(plain) is not None


def is_token_name(name: str) -> bool:
    """Tell whether a key is `token` alone, which is a secret only if its value looks like one."""
    return name.lower() in ("token", "x-token", "auth", "bearer")


def is_harmless(value: str) -> bool:
    """Tell what stands for no value at all (`null`, `${VARIABLE}`), or for the kind of one."""
    return _HARMLESS.fullmatch(value) is not None


def looks_random(value: str) -> bool:
    """Tell a token from a word: long, in one piece, not of letters alone."""
    return len(value) >= 16 and not any(c.isspace() for c in value) and not value.isalpha()


# Options of commands (`--password hunter2`, `curl -u user:hunter2`) and elements of XML.
_OPTION = re.compile(
    rf"(?i)(?<![\w-])--[a-z-]{{0,30}}(?:{_NAMES}|token)[ \t]{{1,4}}([^\s\"'\[-][^\s\"']{{2,}})"
)
_USER_OPTION = re.compile(
    r"(?<![\w-])(?:-u|--user)[ \t=]{1,4}[\"']?[^\s:\"']{1,128}:([^\s\"'\[][^\s\"']*)"
)
_ELEMENT = re.compile(rf"(?i)<[\w:-]{{0,30}}(?:{_NAMES})>([^<\[][^<]*)")


def _is_secret(match: re.Match[str]) -> bool:
    value = match["double"] or match["single"] or match["bare"]
    if value.startswith(MARKER_START.strip()) or is_harmless(value):
        return False
    is_quoted = match["bare"] is None
    if match["name"].lower() == "token" and not is_quoted:
        return looks_random(value) or "=" in match["separator"]
    if is_quoted or "=" in match["separator"]:
        return True
    # After a colon prose may follow: "the password: it must have eight characters".
    is_last = match.end() == len(match.string) or match.string[match.end()] in "\r\n"
    return is_last or not value.rstrip(".!?").isalpha()


def _values(text: str) -> list[tuple[int, int]]:
    return [match.span(match.lastgroup or 0) for match in _FIND.finditer(text) if _is_secret(match)]


_FIND = re.compile(_ASSIGNMENT)


def _given(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_OPTION, _USER_OPTION, _ELEMENT):
        for match in pattern.finditer(text):
            if not is_harmless(match[1]):
                yield match.span(1)


_PORT = re.compile(r"\d{1,5}[/?#]")
_NOT_IN_ADDRESS = re.compile(r"[\s\"'<>]")
MAX_CREDENTIAL_CHARS = 512


def _url_passwords(text: str) -> Iterator[tuple[int, int]]:
    """Passwords in addresses, found from the @ that ends them: one look back for each."""
    end = text.find("@")
    while end >= 0:
        start = text.rfind("://", max(0, end - MAX_CREDENTIAL_CHARS), end)
        if start >= 0:
            user, colon, password = text[start + 3 : end].partition(":")
            if colon and "/" not in user and _is_password(password):
                yield end - len(password), end
        end = text.find("@", end + 1)


def _is_password(text: str) -> bool:
    """Tell a password from a port and a path in which an @ stands."""
    if not text or text.startswith(MARKER_START.strip()) or _PORT.match(text):
        return False
    host = text.partition("@")[2]
    return "/" not in host and _NOT_IN_ADDRESS.search(text) is None


# Where it may find nothing, no name of a secret is in the text at all.
BY_NAME = Detector("password", _values, _STEMS, hint=_HINT)
PASSWORDS: tuple[Detector, ...] = (
    BY_NAME,
    Detector("password", _given, ("--", "-u", "<")),
    Detector("url password", _url_passwords, ("://",), ("@",)),
)
