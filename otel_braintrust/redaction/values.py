"""Secrets in any value that JSON holds: in its texts, in its numbers, in names and under names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Any

import orjson

from otel_braintrust.redaction.credentials import KEYS, TOKENS
from otel_braintrust.redaction.detectors import (
    MARKER_START,
    Detector,
    Detectors,
    expression,
    long_runs,
    marker_of,
)
from otel_braintrust.redaction.mask import Mask, MaskRule
from otel_braintrust.redaction.passwords import (
    BY_NAME,
    PASSWORDS,
    is_harmless,
    is_secret_name,
    is_token_name,
    looks_random,
)
from otel_braintrust.redaction.personal import PERSONAL
from otel_braintrust.redaction.pieces import joined_up, marker_of_chain
from otel_braintrust.redaction.texts import mask_text, may_be_wrapped

DETECTORS: Mapping[str, tuple[Detector, ...]] = {
    "keys": KEYS,
    "tokens": TOKENS,
    "passwords": PASSWORDS,
    **{each.name: (each,) for each in PERSONAL},
}
# What is escaped or encoded is longer than this.
LEAST_WRAPPED_CHARS = 12
# A number of fewer digits is no card and no account.
LEAST_DIGITS = 4
# JSON of a list of texts, which may be the pieces of one.
_PIECES = re.compile(r'\["[^"\\]{0,200}","')
# Members of an object that says what a value must be, and holds none.
_SCHEMA_MEMBERS = frozenset(("type", "$ref", "anyOf", "oneOf", "allOf", "properties"))
# Objects that hold one name and its value: `{"name": "Authorization", "value": "..."}`.
_NAME_MEMBERS = ("name", "key", "header", "field")
_VALUE_MEMBERS = frozenset(("value", "values", "val"))


class ValueMasking:
    """Masks what detectors and rules find, anywhere in a value.

    Args:
        mask: What is asked for; its functions are not looked at.
    """

    def __init__(self, mask: Mask) -> None:
        self._own = tuple(_detector_of(rule) for rule in mask.rules if rule.pattern is not None)
        built_in = (each for name in DETECTORS if name in mask.groups for each in DETECTORS[name])
        self._detectors = Detectors((*self._own, *built_in))
        self._by_key = [(_matcher_of(rule.key), rule) for rule in mask.rules if rule.key]
        self._by_name = "passwords" in mask.groups

    def __bool__(self) -> bool:
        """False when there is nothing to look for."""
        return bool(self._detectors or self._by_key)

    def search(self, row: Mapping[str, Any]) -> Search | None:
        """A search for what a row may hold; None when there is nothing to mask in it.

        Most rows hold no trace of a secret; one look at their JSON spares the walk through them.
        """
        detectors = self._detectors
        by_name, is_wrapped = self._by_name, True
        try:
            text = orjson.dumps(row).decode()
        except TypeError:  # lone surrogates and whatever else JSON does not hold
            pass
        else:
            # What became keys within keys is put together again.
            text = text.replace('":{"', ".")
            runs = long_runs(text)
            relevant = self._relevant(text, runs)
            detectors = Detectors(relevant)
            is_wrapped = may_be_wrapped(text, runs)
            by_name = BY_NAME in relevant
        if not (detectors or by_name or is_wrapped or self._by_key):
            return None
        wrapped = self._detectors if is_wrapped else Detectors()
        return Search(detectors, wrapped, self._by_key, by_name=by_name)

    def _relevant(self, text: str, runs: str) -> list[Detector]:
        found = self._detectors.relevant(text, runs)
        if _PIECES.search(text) is not None:
            more = self._detectors.relevant(text.replace('","', ""))
            found += [each for each in more if each not in found]
        return found

    def masked(self, value: Any) -> Any:
        """A value with markers for secrets; the same object where there is none."""
        found = self.search({"": value})
        return value if found is None else found.masked(value)

    def numbers(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Numbers by name, without those that a rule of the user's own masks: no text fits there.

        The built-in patterns do not look at them: a duration in nanoseconds may pass for a card.
        """
        kept = {}
        for name, number in value.items():
            is_masked = any(True for rule in self._own for _ in rule.find(str(number)))
            if not is_masked and not any(fits(name) for fits, _ in self._by_key):
                kept[mask_text(name, self._detectors)] = number
        return kept


class Search:
    """Looks for secrets in the values of one row.

    Args:
        detectors: What the row may hold in plain text.
        wrapped: What it may hold where its text is escaped or encoded.
        by_key: Rules of the user's for what stands under a key.
        by_name: Whether what stands under the name of a secret is masked.
    """

    def __init__(
        self,
        detectors: Detectors,
        wrapped: Detectors,
        by_key: Sequence[tuple[Callable[[str], Any], MaskRule]],
        *,
        by_name: bool,
    ) -> None:
        self._detectors = detectors
        self._wrapped = wrapped
        self._by_key = by_key
        self._by_name = by_name

    def masked(self, value: Any) -> Any:
        """The value with markers for secrets; the same object where there is none."""
        kind = type(value)
        if kind is str:
            return self._text(value)
        if kind is bool or value is None:
            return value
        if kind is int or kind is float:
            return self._number(value)
        if isinstance(value, Mapping):
            return self._object(value)
        if isinstance(value, (list, tuple)):
            return self._list(value)
        return value

    def _text(self, text: str) -> str:
        if (self._by_name or self._by_key) and text[:1] in ("{", "["):
            text = self._json(text)
        return self._plain(text)

    def _plain(self, text: str) -> str:
        if not self._detectors and not (self._wrapped and len(text) >= LEAST_WRAPPED_CHARS):
            return text
        return mask_text(text, self._detectors, self._wrapped)

    def _json(self, text: str) -> str:
        """JSON in a text, masked by its names; as it was where nothing had to change."""
        try:
            value = orjson.loads(text)
        except ValueError:
            return text
        masked = self.masked(value)
        return text if masked is value else orjson.dumps(masked).decode()

    def _number(self, number: float) -> Any:
        text = str(number)
        if len(text) < LEAST_DIGITS:
            return number
        masked = mask_text(text, self._detectors, Detectors())
        return number if masked is text else masked

    def _object(self, value: Mapping[str, Any]) -> Any:
        named = self._is_named_pair(value)
        changed = False
        result: dict[str, Any] = {}
        for key, inner in value.items():
            if named and key in _VALUE_MEMBERS:
                new = self._secret(inner)
            else:
                new = self._member(key, inner)
            new_key = self._key(key)
            if new_key is key and (marker := marker_of_chain(key, inner, self._detectors)):
                new_key = new = marker
            while new_key is not key and new_key in result:
                new_key += " "
            changed = changed or new is not inner or new_key is not key
            result[new_key] = new
        return result if changed else value

    def _member(self, key: Any, inner: Any) -> Any:
        if not isinstance(key, str):
            return self.masked(inner)
        rule = self._rule_for(key)
        if rule is not None:
            return inner if inner is None else _marker(rule)
        if self._by_name and is_secret_name(key):
            return self._secret(inner)
        if self._by_name and is_token_name(key) and type(inner) is str and looks_random(inner):
            return self._secret(inner)
        return self.masked(inner)

    def _secret(self, value: Any) -> Any:
        """What stands under the name of a secret: all of it but its form."""
        if value is None or isinstance(value, bool) or value == "":
            return value
        if isinstance(value, Mapping):
            if not _SCHEMA_MEMBERS.isdisjoint(value):
                return self.masked(value)
            return {self._key(key): self._secret(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._secret(inner) for inner in value]
        if isinstance(value, str) and (value.startswith(MARKER_START) or is_harmless(value)):
            return value
        return BY_NAME.marker

    def _list(self, value: Sequence[Any]) -> Any:
        result: list[Any] = [
            [inner[0], self._secret(inner[1])] if self._is_header(inner) else self.masked(inner)
            for inner in value
        ]
        if self._detectors and len(value) > 1 and all(type(each) is str for each in result):
            result = joined_up(result, self._detectors)
        is_same = all(new is old for new, old in zip(result, value, strict=True))
        return value if is_same else result

    def _is_header(self, value: Any) -> bool:
        """Tell a name and its value in a list of such pairs, as headers are kept."""
        if not self._by_name or not isinstance(value, (list, tuple)) or len(value) != 2:
            return False
        name = value[0]
        return isinstance(name, str) and " " not in name and is_secret_name(name)

    def _is_named_pair(self, value: Mapping[str, Any]) -> bool:
        if not self._by_name or _VALUE_MEMBERS.isdisjoint(value):
            return False
        names = (value.get(member) for member in _NAME_MEMBERS)
        return any(isinstance(name, str) and is_secret_name(name) for name in names)

    def _key(self, key: Any) -> Any:
        return self._plain(key) if isinstance(key, str) else key

    def _rule_for(self, key: Any) -> MaskRule | None:
        if not self._by_key or not isinstance(key, str):
            return None
        return next((rule for fits, rule in self._by_key if fits(key)), None)


def _detector_of(rule: MaskRule) -> Detector:
    pattern = rule.expression
    if pattern is None:
        raise ValueError(f"the mask rule {rule.name!r} has no pattern")
    return Detector(rule.name, expression(pattern), own_marker=rule.marker)


def _marker(rule: MaskRule) -> str:
    return marker_of(rule.name) if rule.marker is None else rule.marker


def _matcher_of(key: str | None) -> Callable[[str], Any]:
    """A test for keys that fit a rule's, whole or after the last dot."""
    pattern = re.compile(rf"(?:.*\.)?{translate(key or '')}", re.IGNORECASE | re.DOTALL)
    return pattern.match
