"""What a user asks to be masked: functions, rules, built-in patterns by name; read and checked."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MaskFunction = Callable[[Any], Any]

# Built-in groups, and what each takes in.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "keys": ("keys",),
    "tokens": ("tokens",),
    "passwords": ("passwords",),
    "email": ("email",),
    "card": ("card",),
    "iban": ("iban",),
    "ssn": ("ssn",),
    "phone": ("phone",),
    "ip": ("ip",),
    "secrets": ("keys", "tokens", "passwords"),
    "personal": ("email", "card", "iban", "ssn", "phone", "ip"),
    "all": (
        *("keys", "tokens", "passwords"),
        *("email", "card", "iban", "ssn", "phone", "ip"),
    ),
}
KEY_PREFIX = "key:"


class MaskError(ValueError):
    """A mask that cannot be used; says which part of it, and what there is."""


@dataclass(frozen=True)
class MaskRule:
    """A rule of one's own: what matches a pattern, or stands under a key, is masked.

    Args:
        name: What the marker says in its place: ``[masked: name]``.
        pattern: A regular expression, searched for in every text and number; what it finds is
            masked. It should take linear time, whatever the text.
        key: Whatever stands under keys of this name, ``*`` for any letters, is masked whole; case
            does not matter.
        marker: What to put in its place; default ``[masked: name]``.

    Raises:
        MaskError: It has no name, neither a pattern nor a key, or the pattern cannot be read.

    Example::

        configure(mask=["secrets", MaskRule("customer", pattern=r"\\bC-\\d{6}\\b")])
    """

    name: str
    pattern: str | re.Pattern[str] | None = None
    key: str | None = None
    marker: str | None = None

    def __post_init__(self) -> None:
        """Check the rule when it is made, not when the first row comes."""
        if not isinstance(self.name, str) or not self.name.strip():
            raise MaskError("a mask rule needs a name, which its marker shows")
        if self.pattern is None and not self.key:
            raise MaskError(f"the mask rule {self.name!r} needs a pattern or a key")
        if self.marker is not None and not isinstance(self.marker, str):
            raise MaskError(f"the marker of the mask rule {self.name!r} must be a text")
        if self.pattern is not None:
            _compiled(self.name, self.pattern)

    @property
    def expression(self) -> re.Pattern[str] | None:
        """The pattern, compiled."""
        return _compiled(self.name, self.pattern) if self.pattern is not None else None


def _compiled(name: str, pattern: object) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)  # type: ignore[call-overload]  # checked by what it raises
    except (re.error, TypeError, OverflowError, RecursionError) as error:
        raise MaskError(f"the pattern of the mask rule {name!r} cannot be read: {error}") from None
    if not isinstance(compiled.pattern, str):
        raise MaskError(f"the pattern of the mask rule {name!r} is of bytes, but must be of text")
    return compiled  # type: ignore[no-any-return]  # the same, for the type checker


@dataclass(frozen=True)
class Mask:
    """What is masked, in order: built-in groups, rules and functions.

    Attributes:
        groups: Names of built-in groups.
        rules: Rules of one's own.
        functions: Called with the value of each field of a row, one after another.
    """

    groups: tuple[str, ...] = ()
    rules: tuple[MaskRule, ...] = ()
    functions: tuple[MaskFunction, ...] = ()


def read_mask(raw: Any) -> Mask:
    """Read what is given as ``mask``.

    Args:
        raw: Text with names of built-in groups and ``key:NAME`` separated by commas, a function of
            one argument, a :class:`MaskRule`, a compiled pattern, a mapping of names to patterns,
            or a list of these.

    Raises:
        MaskError: Something in it is none of these; nothing is masked by halves.

    Example:
        >>> read_mask("keys, tokens").groups
        ('keys', 'tokens')
    """
    groups: dict[str, None] = {}
    rules: list[MaskRule] = []
    functions: list[MaskFunction] = []
    for each in _parts(raw):
        if isinstance(each, MaskRule):
            rules.append(each)
        elif isinstance(each, str) and each.startswith(KEY_PREFIX):
            key = each[len(KEY_PREFIX) :].strip()
            rules.append(MaskRule(key, key=key))
        elif isinstance(each, str):
            groups.update(dict.fromkeys(_groups_of(each)))
        elif isinstance(each, re.Pattern):
            rules.append(MaskRule("pattern", pattern=each))
        elif callable(each):
            _check_function(each)
            functions.append(each)
        else:
            raise MaskError(
                f"{type(each).__name__} is no mask; give a function, a MaskRule, names of "
                f"patterns ({', '.join(GROUPS)}), or a list of these"
            )
    return Mask(tuple(groups), tuple(rules), tuple(functions))


def _check_function(function: Callable[..., Any]) -> None:
    """Refuse what would fail for every value, rather than mask every value by its failure."""
    name = getattr(function, "__qualname__", type(function).__name__)
    if inspect.iscoroutinefunction(function):
        raise MaskError(f"the mask {name} must be an ordinary function, not a coroutine function")
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise MaskError(
            f"the mask {name} must take one argument, the value of a field: {error}"
        ) from None
    except ValueError:  # a function in C that does not tell
        return


def _parts(raw: Any) -> Iterable[Any]:
    if isinstance(raw, Mask):
        return [*raw.groups, *raw.rules, *raw.functions]
    if isinstance(raw, str):
        return [name for each in raw.split(",") if (name := each.strip())]
    if isinstance(raw, Mapping):
        return [MaskRule(name, pattern=pattern) for name, pattern in raw.items()]
    if isinstance(raw, (list, tuple, set, frozenset)):
        return [part for each in raw for part in _parts(each)]
    return [raw]


def _groups_of(name: str) -> tuple[str, ...]:
    found = GROUPS.get(name.lower())
    if found is None:
        raise MaskError(f"there are no patterns {name!r:.80}; there are {', '.join(GROUPS)}")
    return found
