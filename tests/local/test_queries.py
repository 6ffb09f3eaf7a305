"""Queries as text and as trees: what they find, and what they say when they cannot."""

from __future__ import annotations

import pytest

ROWS = [
    {
        "id": f"r{number}",
        "input": f"Hello {number}",
        "error": "boom" if number == 4 else None,
        "metadata": {
            "latency_ms": number * 1000,
            "user_id": str(number % 2),
            "flag": number == 3,
            "mixed": number if number % 2 else str(number),
            "http.status": 200 + number,
            "deep": {'a"b': {"c\\d": number}},
        },
        "scores": {"rating": number / 10},
        "tags": ["even"] if number % 2 == 0 else ["odd", "x"],
        "metrics": {"start": 1.0, "end": 1.0 + number, "tokens": number * 7},
        "span_attributes": {"name": f"span {number}", "type": "llm" if number < 3 else "tool"},
    }
    for number in range(6)
]
CHILD = {
    "id": "child",
    "span_id": "child",
    "root_span_id": "r1",
    "span_parents": ["r1"],
    "output": {"answer": "the Blue whale"},
}
EVERY = ["child", "r0", "r1", "r2", "r3", "r4", "r5"]


@pytest.fixture
def logged(api):
    """A project with six roots and one child."""
    assert api.log(*ROWS, CHILD).status_code == 200
    return api


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("metadata.latency_ms > 2000", ["r3", "r4", "r5"]),
        ("metadata.latency_ms >= 2000 AND metadata.latency_ms <= 3000", ["r2", "r3"]),
        ("metadata.latency_ms BETWEEN 1000 AND 2000", ["r1", "r2"]),
        ("2000 < metadata.latency_ms", ["r3", "r4", "r5"]),
        ("scores.rating = 0.3", ["r3"]),
        ("scores.rating < 0.1 OR scores.rating > 0.4", ["r0", "r5"]),
        ("metadata.user_id = '1'", ["r1", "r3", "r5"]),
        ("metadata.user_id = 1", []),
        ("metadata.user_id != '1'", ["r0", "r2", "r4"]),
        ("metadata.user_id <> '1'", ["r0", "r2", "r4"]),
        ("metadata.flag = true", ["r3"]),
        ("metadata.flag", ["r3"]),
        ("NOT metadata.flag", ["r0", "r1", "r2", "r4", "r5"]),
        ("metadata.flag IS TRUE", ["r3"]),
        ("metadata.flag = 1", []),
        ("metadata.mixed > 1", ["r3", "r5"]),
        ("metadata.mixed < '9'", ["r0", "r2", "r4"]),
        ("metadata.mixed != 3", ["r0", "r1", "r2", "r4", "r5"]),
        ('metadata."http.status" = 201', ["r1"]),
        ("metadata['http.status'] = 201", ["r1"]),
        ('metadata.deep."a""b"."c\\d" = 2', ["r2"]),
        ("span_attributes.type = 'llm'", ["r0", "r1", "r2"]),
        ('span_attributes.name = "span 2"', ["r2"]),
        ("metadata.none IS NULL AND error IS NULL", ["child", "r0", "r1", "r2", "r3", "r5"]),
        ("error IS NOT NULL", ["r4"]),
        ("error = null", []),
        ("metadata IS NULL", ["child"]),
        ("tags INCLUDES 'x'", ["r1", "r3", "r5"]),
        ("tags includes ['odd', 'x']", ["r1", "r3", "r5"]),
        ("tags NOT INCLUDES 'x'", ["child", "r0", "r2", "r4"]),
        ("tags IN ('even', 'none')", ["r0", "r2", "r4"]),
        ("tags = 'x'", []),
        ("id IN ('r1', 'child', 'r9')", ["child", "r1"]),
        ("id NOT IN ('r1', 'r2')", ["child", "r0", "r3", "r4", "r5"]),
        ("metadata.mixed IN (1, '2', true)", ["r1", "r2"]),
        ("input LIKE 'Hello%'", ["r0", "r1", "r2", "r3", "r4", "r5"]),
        ("input LIKE 'hello%'", []),
        ("input ILIKE 'hello _'", ["r0", "r1", "r2", "r3", "r4", "r5"]),
        ("input NOT LIKE '%1'", ["r0", "r2", "r3", "r4", "r5"]),
        ("NOT input LIKE '%1'", ["r0", "r2", "r3", "r4", "r5"]),
        ("input NOT ILIKE 'HELLO 1'", ["r0", "r2", "r3", "r4", "r5"]),
        ("output MATCH 'whale BLUE'", ["child"]),
        ("input MATCH 'hell'", []),
        ("is_root", ["r0", "r1", "r2", "r3", "r4", "r5"]),
        ("is_root = false", ["child"]),
        ("root_span_id = 'r1'", ["child", "r1"]),
        ("span_parents[0] = 'r1'", ["child"]),
        ("created > NOW() - INTERVAL 1 HOUR", EVERY),
        ("created < CURRENT_DATE - INTERVAL 1 DAY", []),
        ("created > NOW() + INTERVAL '2' month", []),
        ("created >= '2020-01-01' AND created < '2200-01-01T00:00:00+02:00'", EVERY),
        ("_xact_id > '1000000000000000000'", EVERY),
        ("_pagination_key > 'p0'", EVERY),
        ("metrics.end - metrics.start > 3", ["r4", "r5"]),
        ("metrics.tokens / 2 = 3.5", ["r1"]),
        ("duration > 3", ["r4", "r5"]),
        ("length(input) = 7 AND lower(input) = 'hello 1'", ["r1"]),
        ("length(tags) > 1", ["r1", "r3", "r5"]),
        ("project_id = 'other'", []),
        ("1 = 1", EVERY),
        ("input = 'it''s'", []),
        ("input = '|' OR id = 'r1'", ["r1"]),
    ],
)
def test_a_filter_finds(logged, condition, found):
    assert logged.ids(condition) == found


def test_long_lists_and_long_chains_are_no_trouble(logged):
    listed = ", ".join(f"'{number}'" for number in range(1, 5000))
    assert logged.ids(f"metadata.user_id IN ({listed})") == ["r1", "r3", "r5"]
    chain = " OR ".join(f"id = 'r{number}'" for number in range(3, 2000))
    assert logged.ids(chain) == ["r3", "r4", "r5"]


def test_shape_traces_returns_all_rows_of_the_traces_that_match(logged):
    assert logged.ids("output IS NOT NULL", shape="traces") == ["child", "r1"]
    assert logged.ids("output IS NOT NULL", shape="spans") == ["child"]


def test_both_ways_of_writing_a_query_mean_the_same(logged):
    btql = f"""
        select: id, metadata.user_id, metrics.tokens AS t
        | from: project_logs('{logged.project}') spans
        | filter: metadata.user_id = '1'
        | sort: metrics.tokens DESC
        | limit: 2
    """
    sql = f"""
        SELECT id, metadata.user_id, metrics.tokens AS t FROM project_logs('{logged.project}')
        WHERE metadata.user_id = '1' ORDER BY metrics.tokens DESC LIMIT 2
    """
    answers = [logged.post("/btql", {"query": query}).json() for query in (btql, sql)]
    expected = [{"id": "r5", "user_id": "1", "t": 35}, {"id": "r3", "user_id": "1", "t": 21}]
    assert [answer["data"] for answer in answers] == [expected] * 2
    assert set(answers[0]["schema"]["items"]["properties"]) == {"id", "user_id", "t"}


def test_clauses_may_stand_on_lines_of_their_own(logged):
    query = f"from: project_logs('{logged.project}')\nfilter: id = 'r1'\nor id = 'r2'\nselect: id"
    data = logged.post("/btql", {"query": query}).json()["data"]
    assert sorted(row["id"] for row in data) == ["r1", "r2"]


def test_a_project_may_be_given_by_name(logged):
    query = "SELECT id FROM project_logs('test') WHERE id = 'r1'"
    assert logged.post("/btql", {"query": query}).json()["data"] == [{"id": "r1"}]


def sdk_query(project, **clauses):
    """A query as the official SDK's fetcher sends it."""
    source = {
        "op": "function",
        "name": {"op": "ident", "name": ["project_logs"]},
        "args": [{"op": "literal", "value": project}],
    }
    return {
        "query": {"select": [{"op": "star"}], "from": source, "cursor": None, **clauses},
        "use_columnstore": False,
        "brainstore_realtime": True,
        "query_source": "py_sdk_object_fetcher_project_logs",
    }


def test_pages_are_followed_by_the_cursor_in_header_and_body(logged):
    seen: list[str] = []
    cursor = None
    while True:
        body = sdk_query(logged.project, limit=3, cursor=cursor)
        answer = logged.post("/btql", body)
        seen += [row["id"] for row in answer.json()["data"]]
        cursor = answer.headers.get("x-bt-cursor")
        assert answer.json()["cursor"] == cursor
        if not cursor:
            break
        logged.log({"id": f"new {len(seen)}"}, {"id": "r0", "input": "changed"})
    assert seen == ["child", "r5", "r4", "r3", "r2", "r1", "r0"]


def ident(*names):
    return {"op": "ident", "name": list(names)}


def literal(value):
    return {"op": "literal", "value": value}


def equal(left, right):
    return {"op": "eq", "left": left, "right": right}


@pytest.mark.parametrize(
    ("tree", "found"),
    [
        ({"op": "gt", "left": ident("metadata", "latency_ms"), "right": literal(4000)}, ["r5"]),
        ({"op": "in", "left": ident("tags"), "right": literal(["even"])}, ["r0", "r2", "r4"]),
        (
            {
                "op": "or",
                "children": [
                    {"op": "isnull", "expr": ident("metadata", "flag")},
                    {"op": "ne", "left": ident("metadata", "flag"), "right": literal(False)},
                ],
            },
            ["child", "r3"],
        ),
        (
            {
                "op": "and",
                "left": {"op": "isnotnull", "expr": ident("error")},
                "right": {
                    "op": "not",
                    "expr": {"op": "eq", "left": ident("id"), "right": literal("x")},
                },
            },
            ["r4"],
        ),
        (literal(True), EVERY),
        (literal(False), []),
    ],
)
def test_a_filter_as_a_tree_finds(logged, tree, found):
    data = logged.post("/btql", sdk_query(logged.project, filter=tree)).json()["data"]
    assert sorted(row["id"] for row in data) == found


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "query"),
        ("hello", "query"),
        ("select: *", "from"),
        ("from: logs('x')", "from"),
        ("from: project_logs()", "from"),
        ("from: project_logs('a', 'b')", "from"),
        ("from: project_logs('$P') summary", "summary"),
        ("from: project_logs('$P') | filter: id = ", "filter"),
        ("from: project_logs('$P') | filter: id = 'r1", "never closed"),
        ("from: project_logs('$P') | filter: (((", "filter"),
        ("from: project_logs('$P') | filter: metadta.x = 1", "metadta.x"),
        ("from: project_logs('$P') | filter: sqrt(scores.x) > 1", "SQRT"),
        ("from: project_logs('$P') | filter: id > 5", "gt"),
        ("from: project_logs('$P') | filter: created > 'soon'", "'soon'"),
        ("from: project_logs('$P') | filter: 5", "not a condition"),
        ("from: project_logs('$P') | filter: id = 1; DROP TABLE rows", "filter"),
        ("from: project_logs('$P') | filter: id IN (SELECT 1)", "IN"),
        ("from: project_logs('$P') | filter: " + "(" * 5000 + "true" + ")" * 5000, "nested"),
        ("from: project_logs('$P') | filter: id = 'a' | filter: id = 'b'", "twice"),
        ("from: project_logs('$P') | measures: count(1)", "measures"),
        ("from: project_logs('$P') | limit: many", "many"),
        ("from: project_logs('$P') | limit: -1", "limit"),
        ("from: project_logs('$P') | cursor: 'nonsense'", "cursor"),
        ("from: project_logs('$P') | filter: input LIKE 'a' ESCAPE 'b'", "ESCAPE"),
        ("from: project_logs('$P') | filter: length(input, id) = 1", "LENGTH"),
        ("from: project_logs('$P') | filter: id IN UNNEST(tags)", "IN"),
        ("from: project_logs('$P') | filter: metrics.x = 1e999", "too large"),
        ("from: project_logs('$P') | filter: metrics.x = 0x1F", "filter"),
        ("from: project_logs('$P') | filter: CAST(id AS int) = 1", "CAST"),
        ("select: count(1) | from: project_logs('$P')", "select"),
        ("SELECT id FROM project_logs('$P') GROUP BY id", "GROUP"),
        ("SELECT id FROM project_logs('$P') JOIN project_logs('$P') ON true", "JOIN"),
        ("SELECT id FROM project_logs('$P') LIMIT 5 OFFSET 5", "OFFSET"),
        ("SELECT id FROM project_logs('$P') UNION SELECT 1", "UNION"),
        ("DELETE FROM project_logs('$P')", "query"),
        ({}, "from"),
        ({"from": 5}, "from"),
        ({"from": None, "select": "x"}, "from"),
        (5, "query"),
        (None, "query"),
    ],
)
def test_a_query_that_cannot_be_run_is_a_400_that_says_which_part(logged, query, words):
    if isinstance(query, str):
        query = query.replace("$P", logged.project)
    answer = logged.post("/btql", {"query": query})
    assert answer.status_code == 400, answer.text
    assert words in answer.text
    assert len(answer.text) < 600


@pytest.mark.parametrize(
    "tree",
    [
        {"op": "drop"},
        {"op": "eq"},
        {"op": "eq", "left": 5, "right": 5},
        {"op": "eq", "left": ident("id"), "right": literal({"a": 1})},
        {"op": "in", "left": ident("id"), "right": literal([])},
        {"op": "and", "children": []},
        {"op": "and", "children": "x"},
        {"op": "ident", "name": []},
        {"op": "isnull", "expr": ident("metadata", "nul\0byte")},
        {"op": "isnull", "expr": ident("tags", -1)},
        {"op": "ident", "name": [None]},
        {"op": "function", "name": 5},
        {"op": "like", "left": ident("input"), "right": ident("output")},
        {"nothing": 1},
        "id = 1",
        [],
    ],
)
def test_a_tree_that_cannot_be_compiled_is_a_400(logged, tree):
    answer = logged.post("/btql", sdk_query(logged.project, filter=tree))
    assert answer.status_code == 400, answer.text


def test_values_are_never_read_as_sql(logged):
    evil = "' OR 1=1 --"
    tree = {"op": "eq", "left": ident("metadata", evil), "right": literal(evil)}
    assert logged.post("/btql", sdk_query(logged.project, filter=tree)).json()["data"] == []
    assert logged.ids("true") == EVERY


def test_a_preview_cuts_long_values(logged):
    query = f"from: project_logs('{logged.project}') | filter: id = 'r1' | preview_length: 3"
    [row] = logged.post("/btql", {"query": query}).json()["data"]
    assert row["input"] == "Hel..."
    assert row["id"] == "r1"


def test_rows_come_one_a_line_if_asked(logged):
    query = f"select: id | from: project_logs('{logged.project}') | sort: id | limit: 2"
    answer = logged.post("/btql", {"query": query, "fmt": "jsonl"})
    assert answer.text == '{"id":"child"}\n{"id":"r0"}\n'
    assert logged.post("/btql", {"query": query, "fmt": "parquet"}).status_code == 400


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("metadata.latency_ms desc", ["r5", "r4", "r3", "r2", "r1", "r0", "child"]),
        ("metadata.latency_ms", ["r0", "r1", "r2", "r3", "r4", "r5", "child"]),
        ("_pagination_key ASC", ["r0", "r1", "r2", "r3", "r4", "r5", "child"]),
        ("is_root, metadata.user_id desc, id desc", ["child", "r5", "r3", "r1", "r4", "r2", "r0"]),
        ("metrics.end - metrics.start desc", ["r5", "r4", "r3", "r2", "r1", "r0", "child"]),
    ],
)
def test_rows_are_sorted_and_those_without_the_value_come_last(logged, order, ids):
    query = f"select: id | from: project_logs('{logged.project}') | sort: {order}"
    assert [row["id"] for row in logged.post("/btql", {"query": query}).json()["data"]] == ids
