"""Filters become expressions of the query API, and what they cannot say is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from otel_braintrust.client.filters import FilterError, compile_filters, parse_path


def ident(*path: str) -> dict[str, Any]:
    return {"op": "ident", "name": list(path)}


def compared(op: str, path: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {"op": op, "left": ident(*path), "right": {"op": "literal", "value": value}}


def null(path: tuple[str, ...], op: str = "isnull") -> dict[str, Any]:
    return {"op": op, "expr": ident(*path)}


USER = ("metadata", "user")


@pytest.mark.parametrize(
    ("filters", "expression"),
    [
        ({}, None),
        ({"metadata.user": "u1"}, compared("eq", USER, "u1")),
        ({"metadata.user": {"$eq": True}}, compared("eq", USER, True)),
        ({"metadata.user": None}, null(USER)),
        ({"metadata.user": {"$gt": 1}}, compared("gt", USER, 1)),
        ({"metadata.user": {"$gte": 1}}, compared("ge", USER, 1)),
        ({"metadata.user": {"$lt": "b"}}, compared("lt", USER, "b")),
        ({"metadata.user": {"$lte": 0.5}}, compared("le", USER, 0.5)),
        ({"metadata.user": {"$in": ["a", "b"]}}, compared("in", USER, ["a", "b"])),
        ({"metadata.user": {"$in": []}}, {"op": "literal", "value": False}),
        ({"metadata.user": {"$exists": True}}, null(USER, "isnotnull")),
        ({"metadata.user": {"$exists": False}}, null(USER)),
        ({"metadata": {"user": "u1"}}, compared("eq", USER, "u1")),
        ({"tags": "prod"}, compared("in", ("tags",), ["prod"])),
    ],
)
def test_each_operator_has_its_expression(
    filters: dict[str, Any], expression: dict[str, Any] | None
) -> None:
    assert compile_filters(filters) == expression


def test_several_conditions_must_all_hold() -> None:
    found = compile_filters({"metadata.user": {"$gt": 1, "$lte": 5}, "id": "r1"})

    assert found == {
        "op": "and",
        "children": [
            {"op": "and", "children": [compared("gt", USER, 1), compared("le", USER, 5)]},
            compared("eq", ("id",), "r1"),
        ],
    }


def test_not_equal_also_takes_rows_without_the_field() -> None:
    expected = {"op": "or", "children": [null(USER), compared("ne", USER, "u1")]}

    assert compile_filters({"metadata.user": {"$ne": "u1"}}) == expected
    assert compile_filters({"metadata.user": {"$not": {"$eq": "u1"}}}) == expected
    assert compile_filters({"$not": {"metadata.user": "u1"}}) == expected


def test_a_negation_is_pushed_down_to_the_comparisons() -> None:
    found = compile_filters({"$not": {"$or": [{"id": {"$in": ["a", None]}}, {"error": None}]}})

    assert found == {
        "op": "and",
        "children": [
            {"op": "and", "children": [null(("id",), "isnotnull"), compared("ne", ("id",), "a")]},
            null(("error",), "isnotnull"),
        ],
    }


def test_a_double_negation_is_none() -> None:
    assert compile_filters({"$not": {"$not": {"id": "a"}}}) == compile_filters({"id": "a"})


def test_text_of_a_value_stays_a_literal() -> None:
    hostile = "x' OR 1=1 --"

    assert compile_filters({"id": hostile}) == compared("eq", ("id",), hostile)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("id", ["id"]),
        ("metadata.a.b", ["metadata", "a", "b"]),
        ('metadata."http.method"', ["metadata", "http.method"]),
        ("metadata.`gen_ai.system`.x", ["metadata", "gen_ai.system", "x"]),
        ("metadata.user-id", ["metadata", "user-id"]),
    ],
)
def test_a_path_is_split_at_its_dots_but_not_within_quotes(path: str, names: list[str]) -> None:
    assert parse_path(path) == names


@pytest.mark.parametrize(
    ("filters", "problem"),
    [
        ([], "must be a JSON object"),
        ({"a": {"$regex": "x"}}, "a: unknown operator $regex"),
        ({"$nor": []}, "unknown operator $nor"),
        ({"a": [1]}, "a list or an object cannot be compared"),
        ({"a": {}}, "a: expected a value or operators"),
        ({"a": {"$gt": 1, "b": 2}}, "a: expected a value or operators"),
        ({"a": {"$gt": True}}, "$gt takes a number or a text"),
        ({"a": {"$gt": None}}, "$gt takes a number or a text"),
        ({"a": {"$in": "x"}}, "$in and $nin take a list"),
        ({"a": {"$in": [{}]}}, "$in and $nin take a list"),
        ({"a": {"$exists": 1}}, "$exists takes true or false"),
        ({"$and": []}, "$and takes a list of filters"),
        ({"$or": [{}]}, "$or holds an empty filter"),
        ({"$not": []}, "what $not takes must be a JSON object"),
        ({"a..b": 1}, "has an empty name"),
        ({"": 1}, "has an empty name"),
        ({'a."b': 1}, "has a quote that does not close"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(filters: Any, problem: str) -> None:
    with pytest.raises(FilterError) as refused:
        compile_filters(filters)

    assert problem in str(refused.value)
