"""What Braintrust would not take: a status, and a line that names the row and the field."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ({"scores": {"x": 1.5}}, "rows[1].scores.x"),
        ({"scores": {"x": -0.1}}, "rows[1].scores.x"),
        ({"scores": {"x": True}}, "rows[1].scores.x"),
        ({"scores": {"x": "1"}}, "rows[1].scores.x"),
        ({"scores": [1]}, "rows[1].scores"),
        ({"metrics": {"tokens": "NaN"}}, "rows[1].metrics.tokens"),
        ({"metrics": {"tokens": {}}}, "rows[1].metrics.tokens"),
        ({"metadata": "text"}, "rows[1].metadata"),
        ({"metadata": []}, "rows[1].metadata"),
        ({"tags": "one"}, "rows[1].tags"),
        ({"tags": ["a", 5]}, "rows[1].tags[1]"),
        ({"span_parents": "x"}, "rows[1].span_parents"),
        ({"span_parents": [None]}, "rows[1].span_parents[0]"),
        ({"span_attributes": []}, "rows[1].span_attributes"),
        ({"span_attributes": {"name": 5}}, "rows[1].span_attributes.name"),
        ({"id": 5}, "rows[1].id"),
        ({"id": ""}, "rows[1].id"),
        ({"root_span_id": {}}, "rows[1].root_span_id"),
        ({"created": "yesterday"}, "rows[1].created"),
        ({"created": "2026-13-01T00:00:00Z"}, "rows[1].created"),
        ({"created": 5}, "rows[1].created"),
        ({"context": 1}, "rows[1].context"),
        ({"origin": {"x": 1}}, "rows[1].origin.id"),
        ({"comment": "text"}, "rows[1].comment"),
        ({"_is_merge": "yes"}, "rows[1]._is_merge"),
        ({"_merge_paths": [["a"]]}, "rows[1]._merge_paths"),
        ({"_is_merge": True, "_merge_paths": ["a"]}, "rows[1]._merge_paths[0]"),
        ({"_is_merge": True, "_merge_paths": [[]]}, "rows[1]._merge_paths[0]"),
        (
            {"_is_merge": True, "_array_delete": [{"path": ["a"]}]},
            "rows[1]._array_delete[0].delete",
        ),
        ({"_audit_source": "me"}, "rows[1]._audit_source"),
        ({"project_id": 5}, "rows[1].project_id"),
        ({"project_id": None}, "rows[1]"),
    ],
)
def test_a_bad_row_is_named_and_none_of_its_request_is_written(api, row, place):
    answer = api.log({"id": "good"}, {"id": "bad", **row}, {"id": "also good"})
    assert answer.status_code == 400
    assert answer.text.startswith(f"{place}: ")
    assert api.server.rows("test") == []


@pytest.mark.parametrize("row", [None, 5, "text", [], True])
def test_a_row_that_is_no_object_is_named(api, row):
    answer = api.post("/logs3", {"rows": [row]})
    assert answer.status_code == 400
    assert answer.text.startswith("rows[0]: expected an object")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"not json", "line 1 column"),
        (b'{"rows": [', "line 1 column"),
        (b'{"rows": [NaN]}', "not valid JSON"),
        (b'{"rows": ["\xff"]}', "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"rows"', "must be a JSON object"),
        (b"{}", "rows"),
        (b'{"rows": null}', "rows"),
        (b'{"rows": "x"}', "rows"),
        (b'{"rows": {"type": "other"}}', "rows"),
        (b'{"rows": {"type": "logs3_overflow", "key": "none"}}', "rows.key"),
        (b'{"rows": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not valid JSON"),
        (b'{"rows": [{"input": ' + b"[" * 600 + b"]" * 600 + b"}]}", "rows[0].input"),
        (b'{"rows": [{"input": "\\ud800", "output": ' + b"[" * 5000 + b"]" * 5000 + b"}]}", "JSON"),
    ],
)
def test_a_body_that_is_no_list_of_rows_is_a_400_that_says_why(api, body, words):
    answer = api.post("/logs3", data=body)
    assert answer.status_code == 400
    assert words in answer.text
    assert len(answer.text) < 500


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", b"x", 415),
        ("gzip", b"x", 400),
        ("deflate", b"x", 400),
        ("gzip", b"\x1f\x8b\x08", 400),
    ],
)
def test_a_body_that_does_not_unpack_is_refused(api, encoding, body, status):
    answer = api.post("/logs3", data=body, headers={"Content-Encoding": encoding})
    assert answer.status_code == status


def test_an_empty_list_of_rows_is_fine(api):
    answer = api.post("/logs3", {"rows": [], "api_version": 2})
    assert answer.json()["ids"] == []


def test_rest_refuses_what_only_the_sdk_endpoint_takes(api):
    tagged_child = {"id": "a", "span_parents": ["p"], "root_span_id": "r", "tags": ["x"]}
    answer = api.post(api.path("insert"), {"events": [{}, tagged_child]})
    assert (answer.status_code, answer.text.startswith("events[1].tags: ")) == (400, True)
    assert api.log(tagged_child).status_code == 200
    answer = api.post(api.path("insert"), {"events": [{"span_attributes": {"type": "poem"}}]})
    assert answer.status_code == 400
    assert answer.text.startswith("events[0].span_attributes.type: 'poem'")


@pytest.mark.parametrize("body", [{}, {"events": None}, {"events": {}}, {"events": [5]}])
def test_an_insert_without_a_list_of_events_is_refused(api, body):
    answer = api.post(api.path("insert"), body)
    assert answer.status_code == 400
    assert "events" in answer.text
