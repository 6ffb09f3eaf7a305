"""Keys and tokens that are known by their form."""

from __future__ import annotations

import re
from collections.abc import Iterator

from otel_braintrust.redaction.detectors import Detector, expression

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# Where the end of a key is missing, what looks like its lines goes as well.
_KEY_LINES = re.compile(
    r"(?:[\s\\\",]*[A-Za-z0-9+/=]{16,})*(?:[\s\\\",]*[A-Za-z0-9+/=]{1,15}[\s\\\",]*\Z)?"
)


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    done = 0
    last_end = _END.search(text)
    for begin in _BEGIN.finditer(text):
        if begin.start() < done:
            continue
        while last_end is not None and last_end.start() < begin.end():
            last_end = _END.search(text, last_end.end())
        if last_end is not None:
            done = last_end.end()
        else:
            lines = _KEY_LINES.match(text, begin.end())
            done = lines.end() if lines is not None else begin.end()
        yield begin.start(), done


_SEGMENT = re.compile(r"[A-Za-z0-9_-]*")
_FURTHER_SEGMENTS = re.compile(r"(?:\.[A-Za-z0-9_-]+){1,4}")


def _json_web_tokens(text: str) -> Iterator[tuple[int, int]]:
    start = text.find("eyJ")
    while start >= 0:
        done = start + 3
        if not text[start - 1 : start].isalnum():
            first = _SEGMENT.match(text, start)
            # Whatever else begins in this segment ends where it does, so nothing is read twice.
            done = first.end() if first is not None else done
            further = _FURTHER_SEGMENTS.match(text, done)
            if further is not None and done - start >= 12:
                done = further.end()
                yield start, done
        start = text.find("eyJ", done)


def _is_mixed(match: re.Match[str]) -> bool:
    """Tell a random key from words joined by hyphens."""
    text = match[0]
    return any(each.isdigit() for each in text) or not (text.islower() or text.isupper())


def _has_digit_or_is_long(match: re.Match[str]) -> bool:
    text = match[1]
    return len(text) >= 32 or (len(text) >= 8 and any(not each.isalpha() for each in text))


def _prefixed(name: str, *forms: tuple[str, str]) -> Detector:
    """A detector of keys that begin with a literal text and go on with so many of a class.

    The literal stands first, where the expression engine can search for it; that no letter or
    digit precedes it is asked only there.
    """
    parts = [
        rf"{re.escape(prefix)}(?<![A-Za-z0-9]{re.escape(prefix)}){rest}" for prefix, rest in forms
    ]
    anchors = tuple(dict.fromkeys(prefix.lower() for prefix, _ in forms))
    return Detector(name, expression("|".join(parts)), anchors, is_run=True)


_WORD = r"[A-Za-z0-9_-]"

KEYS: tuple[Detector, ...] = (
    _prefixed("anthropic key", ("sk-ant-", rf"{_WORD}{{10,}}")),
    _prefixed(
        "openai key",
        ("sk-proj-", rf"{_WORD}{{10,}}"),
        ("sk-svcacct-", rf"{_WORD}{{10,}}"),
        ("sk-admin-", rf"{_WORD}{{10,}}"),
    ),
    Detector(
        "sk key",
        expression(rf"sk-(?<![A-Za-z0-9]sk-){_WORD}{{16,}}", check=_is_mixed),
        ("sk-",),
        is_run=True,
    ),
    _prefixed(
        "aws key",
        *((prefix, r"[A-Z0-9]{16}") for prefix in ("AKIA", "ASIA", "ABIA", "ACCA")),
    ),
    _prefixed("google key", ("AIza", rf"{_WORD}{{30,}}"), ("GOCSPX-", rf"{_WORD}{{20,}}")),
    _prefixed(
        "stripe key",
        *(
            (f"{kind}_{mode}_", r"[A-Za-z0-9]{10,}")
            for kind in ("sk", "rk", "pk")
            for mode in ("live", "test")
        ),
    ),
    Detector("stripe webhook secret", expression(r"whsec_[A-Za-z0-9+/=]{16,}"), ("whsec_",)),
    _prefixed("hugging face key", ("hf_", r"[A-Za-z0-9]{30,}")),
    _prefixed("groq key", ("gsk_", r"[A-Za-z0-9]{20,}")),
    _prefixed("xai key", ("xai-", r"[A-Za-z0-9]{40,}")),
    _prefixed("perplexity key", ("pplx-", r"[A-Za-z0-9]{32,}")),
    _prefixed("replicate key", ("r8_", r"[A-Za-z0-9]{30,}")),
    _prefixed("tavily key", ("tvly-", rf"{_WORD}{{20,}}")),
    _prefixed("pinecone key", ("pcsk_", r"[A-Za-z0-9_]{30,}")),
    _prefixed("langsmith key", ("lsv2_", r"[A-Za-z0-9_]{30,}")),
    _prefixed("braintrust key", ("bt-st-", r"[A-Za-z0-9]{20,}")),
    _prefixed("sendgrid key", ("SG.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}")),
    _prefixed("databricks key", ("dapi", r"[0-9a-f]{32}")),
    _prefixed("twilio key", ("SK", r"[0-9a-f]{32}")),
    _prefixed(
        "shopify key", *((f"shp{kind}_", r"[0-9a-f]{32}") for kind in ("at", "ca", "pa", "ss"))
    ),
    Detector("private key", _private_keys, ("private key",), ("-----begin",)),
)

_HEADER = (
    r"(?i)authorization[\"'\]]{0,2}\s{0,4}[:=]\s{0,4}[\"'(\[]{0,2}"
    r"(?:(?:basic|bearer|token|digest|negotiate|apikey|aws4-hmac-sha256)[\s+]{1,4})?"
    r"([^\s\"',;]{4,})"
)


def _is_no_marker(match: re.Match[str]) -> bool:
    return not match[1].startswith("[masked")


TOKENS: tuple[Detector, ...] = (
    _prefixed(
        "github token",
        *((f"gh{kind}_", r"[A-Za-z0-9]{30,}") for kind in "pousr"),
        ("github_pat_", r"[A-Za-z0-9_]{22,}"),
    ),
    _prefixed("gitlab token", ("glpat-", rf"{_WORD}{{20,}}")),
    _prefixed(
        "slack token",
        *((f"xox{kind}-", r"[A-Za-z0-9-]{10,}") for kind in "abeoprs"),
        ("xapp-", r"[A-Za-z0-9-]{10,}"),
    ),
    Detector(
        "slack webhook",
        expression(r"hooks\.slack\.com/services/([A-Za-z0-9/]{8,})", group=1),
        ("hooks.slack.com",),
    ),
    _prefixed("google token", ("ya29.", r"[A-Za-z0-9._-]{20,}")),
    _prefixed("npm token", ("npm_", r"[A-Za-z0-9]{36,}")),
    _prefixed("pypi token", ("pypi-", rf"{_WORD}{{40,}}")),
    _prefixed("vault token", ("hvs.", rf"{_WORD}{{20,}}")),
    _prefixed("digitalocean token", *((f"do{kind}_v1_", r"[0-9a-f]{40,}") for kind in "opr")),
    Detector(
        "telegram token",
        expression(rf"(?<!\d)\d{{8,10}}:AA{_WORD}{{33}}"),
        (":aa",),
    ),
    Detector("jwt", _json_web_tokens, ("eyj",), is_run=True),
    Detector(
        "bearer",
        expression(
            r"(?i)bearer[\s+]{1,4}([A-Za-z0-9._~+/=-]{8,})", group=1, check=_has_digit_or_is_long
        ),
        ("bearer",),
    ),
    Detector(
        "authorization",
        expression(_HEADER, group=1, check=_is_no_marker),
        ("authorization",),
    ),
    Detector(
        "cookie",
        expression(
            r"(?i)cookie[\"'\]]{0,2}\s{0,4}:\s{0,4}[\"']?((?!\[masked)[^\s\"'][^\r\n\"']{3,})",
            group=1,
        ),
        ("cookie",),
    ),
    Detector(
        "signature",
        expression(
            r"(?i)[?&](?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature)=([A-Za-z0-9%+/=_-]{16,})",
            group=1,
        ),
        ("sig=", "signature=", "x-amz-security-token="),
    ),
)
