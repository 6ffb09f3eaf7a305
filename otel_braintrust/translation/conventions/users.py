"""Users' own conventions: checked, guarded so that they harm no span, and found where installed.

A convention comes as an argument, or from an installed distribution that names it in the entry
point group `otel_braintrust.conventions`. These are loaded once, when the first span is translated.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from otel_braintrust.translation.conventions import DISPATCH, Dispatch, compile_dispatch
from otel_braintrust.translation.conventions.rules import Convention, Step
from otel_braintrust.translation.decoding import native
from otel_braintrust.translation.reading import DELIBERATE, Reading

logger = logging.getLogger("otel_braintrust")

GROUP = "otel_braintrust.conventions"
# What these keys say is Braintrust's to define.
RESERVED = "braintrust."
# Rank 0 is that of `braintrust.*` alone.
FIRST_RANK = DELIBERATE

_Called = TypeVar("_Called", bound=Callable[..., Any])
_told: set[str] = set()


def dispatch_for(conventions: Sequence[Convention] = ()) -> Dispatch:
    """Return the tables of every convention there is: those given, those installed, and ours.

    Args:
        conventions: a user's own, those of more authority first; they go before installed ones.
    """
    users = (*conventions, *installed())
    if not users:
        return DISPATCH
    key = tuple(map(id, users))
    known = _compiled.get(key)
    if known is None:
        known = (users, compile_dispatch(users=[_guarded(user) for user in users]))
        if len(_compiled) >= _MAX_COMPILED:
            _compiled.clear()
        _compiled[key] = known
    return known[1]


# Tables by the ids of users' conventions, which are held so that no other object gets their ids.
_compiled: dict[tuple[int, ...], tuple[tuple[Convention, ...], Dispatch]] = {}
_MAX_COMPILED = 32


@functools.cache
def installed() -> tuple[Convention, ...]:
    """Load the conventions that installed distributions offer; once for the whole process."""
    return tuple(found for entry_point in entry_points(group=GROUP) for found in _load(entry_point))


def _load(entry_point: EntryPoint) -> tuple[Convention, ...]:
    try:
        return checked(_listed(entry_point.load()))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - another's module may do anything
        tell_once(
            f"load {entry_point.name}",
            f"the convention {_named(entry_point)} cannot be used "
            f"({type(error).__name__}: {error}); update or uninstall it",
        )
        return ()


def _listed(loaded: Any) -> Iterable[Any]:
    return loaded if isinstance(loaded, (list, tuple)) else [loaded]


def _named(entry_point: EntryPoint) -> str:
    distribution = getattr(entry_point, "dist", None)
    origin = f" of {distribution.name}" if distribution is not None else ""
    return f"{entry_point.name!r}{origin} ({entry_point.value})"


def checked(conventions: Iterable[Any]) -> tuple[Convention, ...]:
    """Return conventions if they have the shape of one.

    Args:
        conventions: what a user gave.

    Raises:
        TypeError: one is no `Convention`, or a part of it is not what it must be.
        ValueError: one has no name, or a prefix without the dot at which keys are cut.
    """
    found = tuple(conventions)
    for convention in found:
        _check(convention)
    return found


def _check(convention: Any) -> None:
    if not isinstance(convention, Convention):
        raise TypeError(
            f"a convention must be an otel_braintrust.conventions.Convention, not {convention!r}"
        )
    if not isinstance(convention.name, str) or not convention.name:
        raise ValueError("a convention needs a name, such as Convention(name='acme', ...)")
    for part in ("keys", "prefixes", "events", "scopes"):
        table = getattr(convention, part)
        if not isinstance(table, Mapping):
            raise TypeError(f"{part} of the convention {convention.name!r} must be a mapping")
        for key, rule in table.items():
            if not isinstance(key, str) or not callable(rule):
                raise TypeError(
                    f"{part} of the convention {convention.name!r} must map text to a rule, "
                    f"but has {key!r}: {rule!r}"
                )
    for prefix in convention.prefixes:
        if not prefix.endswith("."):
            raise ValueError(
                f"the prefix {prefix!r} of the convention {convention.name!r} must end with a dot"
            )
    for step in convention.finish:
        if not callable(step):
            raise TypeError(f"finish of the convention {convention.name!r} has {step!r}: no step")


def _guarded(convention: Convention) -> Convention:
    """Return a convention whose rules cannot fail, nor speak over `braintrust.*`."""

    def guarded(table: Mapping[str, _Called]) -> dict[str, _Called]:
        return {
            key: _guard(convention.name, key, rule)
            for key, rule in table.items()
            if not key.startswith(RESERVED)
        }

    return Convention(
        name=convention.name,
        keys=guarded(convention.keys),
        prefixes=guarded(convention.prefixes),
        events=guarded(convention.events),
        scopes=guarded(convention.scopes),
        finish=tuple(_guarded_step(convention.name, step) for step in convention.finish),
    )


def _guarded_step(name: str, step: Step) -> Step:
    """Guard a step so that the members it took, when it fails, are put back as they were."""
    guarded = _guard(name, "finish", step)

    def run(reading: Reading) -> None:
        before = {family: reading.gathered(family) for family in reading.groups}
        known = len(reading.problems)
        guarded(reading)
        if len(reading.problems) > known:
            for family, raw in before.items():
                if reading.gathered(family) != raw:
                    reading.groups.pop(family, None)
                    reading.restore(raw)

    return run


def _guard(name: str, place: str, rule: _Called) -> _Called:
    @functools.wraps(rule, updated=())
    def run(reading: Reading, *arguments: Any) -> bool:
        asked, answered, kinds = len(reading.inputs), len(reading.outputs), len(reading.kinds)
        try:
            taken = bool(rule(reading, *arguments))
        except Exception as error:  # noqa: BLE001 - another's code may fail in any way
            kind = type(error).__name__
            reading.problems.append(f"{name}: {place}: {kind}")
            tell_once(
                f"run {name} {place}",
                f"the convention {name!r} failed at {place!r} ({kind}); its attribute stays in "
                "the metadata of the rows, and this is told once",
            )
            return False
        for candidate in (*reading.inputs[asked:], *reading.outputs[answered:]):
            candidate.rank = max(candidate.rank, FIRST_RANK)
            candidate.value = native(candidate.value)
        reading.kinds[kinds:] = [
            (max(rank, FIRST_RANK), kind, key) for rank, kind, key in reading.kinds[kinds:]
        ]
        return taken

    return run  # type: ignore[return-value]  # called as the rule is


def tell_unusable(dispatch: Dispatch) -> None:
    """Say once that rows were made without users' conventions, which left what no row can hold."""
    names = ", ".join(dispatch.users)
    tell_once(
        f"write {names}",
        f"a row could not be made of what the conventions {names} gave, so they were left out of "
        "it; this is told once",
    )


def tell_once(kind: str, message: str) -> None:
    """Log a warning about a convention, the first time only."""
    if kind not in _told:
        _told.add(kind)
        logger.warning("%s", message)
