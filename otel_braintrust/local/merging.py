"""Braintrust's merge rules: what a row becomes when a later row with the same id arrives.

A row replaces its predecessor unless it says `_is_merge`. Then objects merge key by key, `tags`
are united, and everything else is replaced; `_merge_paths` names places that are replaced whole,
`_array_delete` values that are taken out of lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Braintrust ignores these when it merges into a row that is there: a merge never moves a span.
PLACE_FIELDS = ("span_id", "root_span_id", "span_parents", "_parent_id", "created")


def merge_event(
    existing: Mapping[str, Any],
    update: Mapping[str, Any],
    *,
    replaced_paths: Iterable[Sequence[str]] = (),
    array_deletions: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Merge an `_is_merge` row into the row that is there; neither argument is changed.

    Args:
        existing: the stored row.
        update: the arriving row, without its control fields.
        replaced_paths: `_merge_paths`: at these places the new value replaces the old one whole.
        array_deletions: `_array_delete`: `{"path": [...], "delete": [...]}`, done after the merge.

    Example:
        >>> merge_event({"input": {"a": 5, "b": 10}}, {"input": {"b": 11, "c": 20}})
        {'input': {'a': 5, 'b': 11, 'c': 20}}
    """
    stops = {tuple(path) for path in replaced_paths}
    changes = {key: value for key, value in update.items() if key not in PLACE_FIELDS}
    merged = _merge_objects(existing, changes, stops, ())
    for deletion in array_deletions:
        merged = _without_values(merged, deletion["path"], deletion["delete"])
    return merged


def _merge_objects(
    existing: Mapping[str, Any],
    update: Mapping[str, Any],
    stops: set[tuple[str, ...]],
    path: tuple[str, ...],
) -> dict[str, Any]:
    merged = dict(existing)
    for key, value in update.items():
        place = (*path, key)
        before = merged.get(key)
        if place in stops:
            merged[key] = value
        elif isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _merge_objects(before, value, stops, place)
        elif place == ("tags",) and isinstance(before, list) and isinstance(value, list):
            merged[key] = list(dict.fromkeys([*before, *value]))
        else:
            merged[key] = value
    return merged


def _without_values(
    container: Mapping[str, Any], path: Sequence[str], values: Sequence[Any]
) -> dict[str, Any]:
    """Copy `container` with `values` taken out of the list at `path`; no list there, no change."""
    copy = dict(container)
    key, rest = path[0], path[1:]
    inner = copy.get(key)
    if rest and isinstance(inner, dict):
        copy[key] = _without_values(inner, rest, values)
    elif not rest and isinstance(inner, list):
        copy[key] = [item for item in inner if not any(_same(item, value) for value in values)]
    return copy


def _same(left: Any, right: Any) -> bool:
    # In JSON `true` and `1` are different values; in Python they compare equal.
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)
