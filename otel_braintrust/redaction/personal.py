"""What names a person: optional patterns, each with what can be checked of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from otel_braintrust.redaction.detectors import Detector, expression

_SIGNS = frozenset(".!#$%&*+/=?^_{|}~-")
_DOMAIN = re.compile(r"@[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[^\W\d_]{2,24}")
_MAX_LOCAL_CHARS = 64
_CREDENTIALS = re.compile(r"[A-Za-z]://[^\s/@]{0,60}:\Z")


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    for match in _DOMAIN.finditer(text):
        start = match.start()
        least = max(0, start - _MAX_LOCAL_CHARS)
        while start > least and (text[start - 1].isalnum() or text[start - 1] in _SIGNS):
            start -= 1
        # What stands before an @ in `scheme://user:password@host` is no mailbox.
        is_mailbox = _CREDENTIALS.search(text[least:start]) is None
        if start < match.start() and is_mailbox:
            yield start, match.end()


def _passes_luhn(match: re.Match[str]) -> bool:
    """Tell a card number by its check digit."""
    digits = [int(each) for each in match[0] if each.isdigit()]
    doubled = [2 * each - 9 * (each > 4) for each in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


def _passes_mod_97(match: re.Match[str]) -> bool:
    """Tell a bank account number by its check digits."""
    plain = match[0].replace(" ", "")
    number = "".join(str(int(each, 36)) for each in plain[4:] + plain[:4])
    return int(number) % 97 == 1


def _is_address(match: re.Match[str]) -> bool:
    """Tell an address from a version; one of the machine itself names nobody."""
    parts = [int(part) for part in match[0].split(".")]
    return max(parts) <= 255 and parts[0] not in (0, 127)


PERSONAL: tuple[Detector, ...] = (
    Detector("email", _addresses, ("@",)),
    Detector(
        "card",
        expression(r"(?<![\d.])[2-6]\d{3}(?:[ +-]?\d){9,15}(?!\d|\.\d)", check=_passes_luhn),
        hint=re.compile(r"\d(?:[ +-]?\d){12}"),
    ),
    Detector(
        "iban",
        expression(
            r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?"
            r"(?![A-Za-z0-9])",
            check=_passes_mod_97,
        ),
        hint=re.compile(r"[a-z]{2}\d\d ?[a-z0-9]{4}"),
    ),
    Detector(
        "ssn",
        expression(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])"),
        ("-",),
        hint=re.compile(r"\d-\d\d-\d"),
    ),
    Detector(
        "phone",
        expression(r"(?<![\w+])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?!\d)"),
        ("+",),
        hint=re.compile(r"\+\d"),
    ),
    Detector(
        "ip",
        expression(r"(?<![\w.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\w|\.\w)", check=_is_address),
        (".",),
        hint=re.compile(r"\d\.\d{1,3}\.\d"),
    ),
)
