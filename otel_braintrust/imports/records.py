"""One record as rows: a row, a nested tree with `children`, or rows in the envelope of an answer.

A record says as much as its writer knew. What is missing is made of what is there: ids of the
record's own content, so that importing a file twice replaces its rows and doubles none; parents of
the nesting; times of the spans beneath.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from otel_braintrust.client.events import SERVER_FIELDS, EventError, check_event, is_number
from otel_braintrust.traces.tags import raise_tags

CHILDREN = "children"
# What nodes of a tree may say beside the fields of a row, and where it belongs.
ATTRIBUTE_FIELDS = ("name", "type")
# Where answers and requests of the API, and of the command `fetch`, have their rows.
ENVELOPES = ("logs", "events", "rows")
AUDIT_SOURCES = ("app", "api", "external")
# Where a row was; it goes where the import goes.
CONTAINER_FIELDS = frozenset({"project_id", "experiment_id", "dataset_id", "prompt_session_id"})
IGNORED_FIELDS = SERVER_FIELDS | CONTAINER_FIELDS | {CHILDREN, *ATTRIBUTE_FIELDS}


@dataclass(slots=True)
class Record:
    """The rows of one record, and the comments on them.

    Attributes:
        rows: Rows ready to be sent, parents before children.
        comments: Rows that comment on them.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)


def in_envelope(value: Any) -> list[Any] | None:
    """The records in an answer such as ``{"logs": [...], "cursor": ...}``; None if it is none."""
    if not isinstance(value, Mapping):
        return None
    for name in ENVELOPES:
        if isinstance(value.get(name), list):
            return list(value[name])
    return None


def read_record(value: Any, seed_of: Callable[[], bytes]) -> Record:
    """Make rows of a row or a tree.

    Args:
        value: An object with the fields of a row, ``name``, ``type``, ``comments`` and
            ``children``, none of which needs to be there.
        seed_of: Tells what ids are made of, for a record that brings none itself.

    Raises:
        EventError: It is no object, or a field is unknown or has a wrong type; says which node.
    """
    record = Record()
    seed = _own_seed(value) or seed_of()
    nodes: list[_Node] = []
    for path, said, above in _walk(value):
        parent = nodes[above] if above is not None else None
        row = _row(said, path, parent.row if parent is not None else None, seed)
        nodes.append(_Node(row, parent, frozenset(row.get("metrics") or ())))
        record.rows.append(row)
        record.comments.extend(_comments(said, path, row, seed))
    if len(nodes) > 1:
        for node in reversed(nodes):
            _widen(node)
        raise_tags(record.rows)
    for node in nodes:
        _date(node)
    return record


@dataclass(slots=True)
class _Node:
    """One row of a tree, its parent, and the metrics that it brought itself."""

    row: dict[str, Any]
    parent: _Node | None
    own_metrics: frozenset[str]


def _own_seed(value: Any) -> bytes:
    """The id of the outermost row: what the ids beneath it are made of, where there is one."""
    known = (value.get("id") or value.get("span_id")) if isinstance(value, Mapping) else None
    return known.encode("utf-8", "surrogatepass") if isinstance(known, str) else b""


def _walk(value: Any) -> Iterator[tuple[str, Mapping[str, Any], int | None]]:
    """Each node with its path and its parent's number, parents first; as deep as it may be."""
    waiting: list[tuple[str, Any, int | None]] = [("", value, None)]
    count = 0
    while waiting:
        path, node, above = waiting.pop()
        if not isinstance(node, Mapping):
            raise EventError(f"{path or 'a record'} must be an object, found {node!r:.40}")
        yield path, node, above
        children = node.get(CHILDREN)
        if children is not None and not isinstance(children, list):
            raise EventError(f"{_named(path, CHILDREN)} must be a list, found {children!r:.40}")
        beneath = [
            (_named(path, f"{CHILDREN}[{index}]"), child, count)
            for index, child in enumerate(children or ())
        ]
        waiting += reversed(beneath)
        count += 1


def _row(
    node: Mapping[str, Any], path: str, parent: Mapping[str, Any] | None, seed: bytes
) -> dict[str, Any]:
    is_merge = bool(node.get("_is_merge"))
    fields = {
        name: value
        for name, value in node.items()
        if (value is not None or is_merge) and name not in IGNORED_FIELDS
    }
    _name(fields, node, path)
    if is_merge:
        if not fields.get("id"):
            raise EventError(f"{_place(path)}_is_merge needs the id of the row that is changed")
        return check_event(fields, _title(path))
    _identify(fields, path, parent, seed)
    return check_event(fields, _title(path))


def _name(fields: dict[str, Any], node: Mapping[str, Any], path: str) -> None:
    said = {name: node[name] for name in ATTRIBUTE_FIELDS if node.get(name) is not None}
    for name, value in said.items():
        if not isinstance(value, str):
            raise EventError(f"{_place(path)}{name} must be a text, found {value!r:.40}")
    given = fields.get("span_attributes")
    if said and (given is None or isinstance(given, Mapping)):
        fields["span_attributes"] = {**said, **(given or {})}


def _identify(
    fields: dict[str, Any], path: str, parent: Mapping[str, Any] | None, seed: bytes
) -> None:
    """Give a row the ids that it lacks: made of its content, or of its place in the tree."""
    is_known = bool(fields.get("id") or fields.get("span_id"))
    own = _digest(seed, path)[:16]
    fields["span_id"] = fields.get("span_id") or fields.get("id") or own
    fields["id"] = fields.get("id") or fields["span_id"]
    root = fields.get("root_span_id")
    if parent is not None:
        if root not in (None, parent["root_span_id"]):
            raise EventError(f"{_place(path)}root_span_id is another than its parent's")
        fields["root_span_id"] = parent["root_span_id"]
        fields.setdefault("span_parents", [parent["span_id"]])
    elif not root:
        if fields.get("span_parents") and not fields.get("_parent_id"):
            raise EventError(
                f"{_place(path)}span_parents is there without root_span_id: add the id of the "
                "trace, which is the same for all its spans"
            )
        fields["root_span_id"] = fields["span_id"] if is_known else _digest(seed, "root")


def _widen(node: _Node) -> None:
    """Let the span above last as long as this one, where it has no times of its own."""
    below = node.row.get("metrics") or {}
    if node.parent is None:
        return
    above = node.parent.row
    for name, choose in (("start", min), ("end", max)):
        if is_number(below.get(name)) and name not in node.parent.own_metrics:
            metrics = above.get("metrics") or {}
            moment = choose(metrics.get(name, below[name]), below[name])
            above["metrics"] = {**metrics, name: moment}


def _date(node: _Node) -> None:
    """Say when a row was made, where it does not: at the span's start, or its parent's."""
    row = node.row
    if "created" in row or row.get("_is_merge"):
        return
    created = _moment((row.get("metrics") or {}).get("start"))
    if created is None and node.parent is not None:
        created = node.parent.row.get("created")
    if created is not None:
        row["created"] = created


def _moment(seconds: Any) -> str | None:
    if not is_number(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat()
    except (OverflowError, OSError, ValueError):
        return None


def _comments(
    node: Mapping[str, Any], path: str, row: Mapping[str, Any], seed: bytes
) -> Iterator[dict[str, Any]]:
    """The comments on a row, as `export` writes them, each as the row that makes it."""
    comments = node.get("comments")
    if comments is not None and not isinstance(comments, list):
        raise EventError(f"{_named(path, 'comments')} must be a list, found {comments!r:.40}")
    for index, comment in enumerate(comments or ()):
        place = _named(path, f"comments[{index}]")
        said = comment.get("comment") if isinstance(comment, Mapping) else None
        if not isinstance(said, Mapping) or not isinstance(said.get("text"), str):
            raise EventError(f"{place} must be an object with comment.text")
        source = comment.get("source")
        made = {
            "id": comment.get("id") or _digest(seed, place)[:32],
            "created": comment.get("created"),
            "origin": {"id": row["id"]},
            "comment": dict(said),
            "_audit_source": source if source in AUDIT_SOURCES else "external",
            "_audit_metadata": comment.get("metadata"),
        }
        yield {name: value for name, value in made.items() if value is not None}


def _digest(seed: bytes, path: str) -> str:
    return hashlib.sha256(seed + b"\0" + path.encode()).hexdigest()[:32]


def _named(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _title(path: str) -> str:
    return path or "the row"


def _place(path: str) -> str:
    return f"{path}: " if path else ""
