"""Secrets of every known kind, each one different, and the ways in which text hides them."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

ALPHANUMERIC = string.ascii_letters + string.digits
HEX = "0123456789abcdef"

# A kind by its name: what is written, with {} where the secret stands, and letters and length of
# what is random in it. A prefix that a form has is part of the secret.
FORMS: Mapping[str, tuple[str, str, int]] = {
    "openai": ("sk-proj-{}", ALPHANUMERIC, 40),
    "old openai": ("sk-{}", ALPHANUMERIC, 48),
    "anthropic": ("sk-ant-api03-{}", ALPHANUMERIC + "_-", 60),
    "aws": ("AKIA{}", string.ascii_uppercase + string.digits, 16),
    "aws secret": ("aws_secret_access_key = {}", ALPHANUMERIC + "/+", 40),
    "google": ("AIza{}", ALPHANUMERIC + "_-", 35),
    "google oauth": ("ya29.{}", ALPHANUMERIC + "_-", 60),
    "github": ("ghp_{}", ALPHANUMERIC, 36),
    "github fine-grained": ("github_pat_{}", ALPHANUMERIC, 50),
    "gitlab": ("glpat-{}", ALPHANUMERIC, 20),
    "slack": ("xoxb-{}", string.digits, 24),
    "slack webhook": ("https://hooks.slack.com/services/{}", ALPHANUMERIC, 30),
    "stripe": ("sk_live_{}", ALPHANUMERIC, 24),
    "stripe webhook": ("whsec_{}", ALPHANUMERIC, 32),
    "hugging face": ("hf_{}", ALPHANUMERIC, 34),
    "sendgrid": ("SG.abcdefghijklmnopqrstuv.{}", ALPHANUMERIC, 43),
    "npm": ("npm_{}", ALPHANUMERIC, 36),
    "telegram": ("123456789:AA{}", ALPHANUMERIC, 33),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{}", ALPHANUMERIC, 43),
    "bearer": ("Bearer {}", ALPHANUMERIC, 30),
    "basic": ("Authorization: Basic {}", ALPHANUMERIC, 24),
    "header": ("X-Api-Key: {}", ALPHANUMERIC, 20),
    "cookie": ("Cookie: session={}", ALPHANUMERIC, 20),
    "private key": (
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
        ALPHANUMERIC + "+/",
        64,
    ),
    "postgres": ("postgresql://app:{}@db.example.com:5432/shop", ALPHANUMERIC, 16),
    "redis": ("redis://:{}@localhost:6379/0", ALPHANUMERIC, 16),
    "connection string": ("Server=db;User Id=sa;Password={};Encrypt=true", ALPHANUMERIC, 16),
    "azure storage": ("AccountName=a;AccountKey={}", ALPHANUMERIC + "+/", 60),
    "signed address": ("https://x.example.com/file?version=1&sig={}", ALPHANUMERIC, 40),
    "assignment": ("api_key={}", ALPHANUMERIC, 20),
    "json": ('{{"user": "bob", "password": "{}"}}', ALPHANUMERIC, 20),
    "yaml": ("client_secret: {}", ALPHANUMERIC, 24),
    "environment": ("OPENAI_API_KEY='{}'", ALPHANUMERIC, 24),
}


class Plant:
    """Makes secrets, each one different, and remembers them.

    Attributes:
        secrets: What must be found nowhere, by the text that was planted.
    """

    def __init__(self, seed: int = 4711) -> None:
        self._random = random.Random(seed)
        self.secrets: dict[str, str] = {}
        self._turn = 0

    def __call__(self, kind: str | None = None) -> str:
        """A text with a secret in it that no other text has; the kinds take turns."""
        if kind is None:
            kind = list(FORMS)[self._turn % len(FORMS)]
            self._turn += 1
        form, letters, length = FORMS[kind]
        # A digit, so that no secret passes for a word.
        secret = "".join(self._random.choices(letters, k=length - 1)) + "7"
        text = form.format(secret)
        self.secrets[text] = secret
        return text


def unicode_escapes(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


WRAPPINGS: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "in a sentence": "I use {} for that, and it works.".format,
    "JSON": lambda text: json.dumps({"value": text}),
    "JSON in JSON": lambda text: json.dumps({"value": json.dumps({"value": text})}),
    "JSON in JSON in JSON": lambda text: json.dumps(json.dumps({"v": json.dumps([text])})),
    "unicode escapes": lambda text: f'{{"value": "{unicode_escapes(text)}"}}',
    "escaped slashes": lambda text: json.dumps([text]).replace("/", "\\/"),
    "percent-encoded": lambda text: f"https://x.example/?q={quote(text, safe='')}&page=2",
    "a form": lambda text: f"q={quote_plus(text)}&page=2",
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(
        f"{text} is it".encode()
    ).decode(),
    "JSON in base64": lambda text: base64.b64encode(json.dumps({"a": text}).encode()).decode(),
    "Python": repr,
    "a list": lambda text: json.dumps([1, [text, None]]),
}


def traces_of(secret: str) -> set[bytes]:
    """What would give a secret away: itself, and in any encoding that turns back into it."""
    plain = secret.encode()
    return {
        plain,
        json.dumps(secret)[1:-1].encode(),
        json.dumps(json.dumps(secret))[3:-3].encode(),
        unicode_escapes(secret).encode(),
        quote(secret, safe="").encode(),
        *(base64.b64encode(b"_" * shift + plain)[4:-4] for shift in range(3)),
    }
