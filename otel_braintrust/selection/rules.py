"""Rules as data: keep or drop spans by scope, name and attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

FORM = (
    "write `keep` or `drop` and conditions such as scope=my.library*, name=GET /health* or "
    "http.route=/health, separated by commas; rules are separated by semicolons"
)


class RuleError(ValueError):
    """A rule that cannot be read; quotes it and shows the form."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"cannot read the rule {text!r}: {why}; {FORM}")


@dataclass(frozen=True)
class Rule:
    """Keep or drop the spans that meet all conditions; ``*``, ``?`` and ``[...]`` are wildcards.

    Args:
        keep: True: such spans go; False: they don't.
        scope: Name of the instrumentation scope.
        name: Name of the span.
        attributes: Patterns by attribute key; a value that is no text is compared as its text.

    Raises:
        RuleError: There is no condition.

    Example::

        configure(span_rules=[Rule(keep=False, name="GET /health*")])
    """

    keep: bool
    scope: str | None = None
    name: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scope is None and self.name is None and not self.attributes:
            raise RuleError("keep" if self.keep else "drop", "it has no condition")

    @property
    def asks_scope_alone(self) -> bool:
        """True when a span that has only begun can be judged."""
        return self.name is None and not self.attributes

    def may_mean(self, scope: str) -> bool:
        """Tell whether spans of a scope can be meant."""
        return self.scope is None or fnmatchcase(scope, self.scope)

    def means(self, scope: str, name: str, attributes: Mapping[str, Any]) -> bool:
        """Tell whether a span is meant."""
        if not self.may_mean(scope):
            return False
        if self.name is not None and not fnmatchcase(name, self.name):
            return False
        return all(
            key in attributes and fnmatchcase(_text(attributes[key]), pattern)
            for key, pattern in self.attributes.items()
        )


def read_rules(given: str | Rule | Iterable[str | Rule]) -> tuple[Rule, ...]:
    """Read rules, as text or as they are, in their order.

    Args:
        given: Text with rules separated by semicolons, or rules.

    Raises:
        RuleError: A text cannot be read.
        TypeError: Something is neither text nor a rule.

    Example:
        >>> [rule.keep for rule in read_rules("drop scope=redis*; keep name=chat, kind=a")]
        [False, True]
    """
    if isinstance(given, (str, Rule)):
        given = [given]
    rules: list[Rule] = []
    for each in given:
        if isinstance(each, Rule):
            rules.append(each)
        elif isinstance(each, str):
            rules.extend(_read(text.strip()) for text in each.split(";") if text.strip())
        else:
            raise TypeError(f"a rule is text or a Rule, not {type(each).__name__}")
    return tuple(rules)


def _read(text: str) -> Rule:
    answer, _, rest = text.partition(" ")
    if answer.lower() not in ("keep", "drop"):
        raise RuleError(text, f"{answer!r} is neither keep nor drop")
    scope: str | None = None
    name: str | None = None
    attributes: dict[str, str] = {}
    for condition in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, pattern = (part.strip() for part in condition.partition("="))
        if not key or not equals or not pattern:
            raise RuleError(text, f"{condition!r} is no condition")
        if key == "scope":
            scope = pattern
        elif key == "name":
            name = pattern
        else:
            attributes[key] = pattern
    if scope is None and name is None and not attributes:
        raise RuleError(text, "it has no condition")
    return Rule(answer.lower() == "keep", scope, name, attributes)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)
