"""Rows written through the API: ids, defaults, replacing, merging, deleting."""

from __future__ import annotations

import gzip
import threading

import orjson
import pytest
import requests

from otel_braintrust.local.server import LocalServer


def test_ids_are_answered_in_order_with_one_growing_transaction_id(api):
    first = api.log({"id": "b"}, {"id": "a"}).json()
    second = api.log({"id": "c"}).json()
    assert first["ids"] == ["b", "a"]
    assert isinstance(first["xact_id"], str)
    assert int(second["xact_id"]) > int(first["xact_id"])
    assert int(first["xact_id"]) >> 48 == 0x0DE1
    assert api.row("a")["_xact_id"] == api.row("b")["_xact_id"] == first["xact_id"]


def test_a_row_with_nothing_but_content_becomes_a_root(api):
    [row_id] = api.log({"input": "hi"}).json()["ids"]
    row = api.row(row_id)
    assert row["span_id"] == row["root_span_id"] == row_id
    assert row["is_root"] is True
    assert row["created"].endswith("Z")
    assert row["project_id"] == api.project
    assert row["log_id"] == "g"
    assert row["output"] is None
    assert row["tags"] is None


def test_without_merge_a_row_is_replaced_whole(api):
    api.log({"id": "a", "input": "old", "scores": {"x": 1}})
    api.log({"id": "a", "output": "new"})
    row = api.row("a")
    assert (row["input"], row["output"], row["scores"]) == (None, "new", None)


def test_sending_the_same_row_again_shows_it_once(api):
    for _ in range(3):
        api.log({"id": "a", "span_id": "a", "root_span_id": "t", "input": "x"})
    assert api.ids("root_span_id = 't'") == ["a"]


def test_a_merge_joins_objects_and_replaces_the_rest(api):
    api.log({"id": "foo", "input": {"a": 5, "b": 10}, "output": [1], "tags": ["x"]})
    api.log(
        {"_is_merge": True, "id": "foo", "input": {"b": 11, "c": 20}, "output": [2], "tags": ["y"]}
    )
    row = api.row("foo")
    assert row["input"] == {"a": 5, "b": 11, "c": 20}
    assert row["output"] == [2]
    assert row["tags"] == ["x", "y"]


def test_merge_paths_are_replaced_whole(api):
    api.log({"id": "foo", "input": {"a": {"b": 10}, "c": {"d": 20}}, "output": {"a": 20}})
    api.log(
        {
            "_is_merge": True,
            "_merge_paths": [["input", "a"], ["output"]],
            "id": "foo",
            "input": {"a": {"q": 30}, "c": {"e": 30}, "bar": "baz"},
            "output": {"d": 40},
        }
    )
    row = api.row("foo")
    assert row["input"] == {"a": {"q": 30}, "c": {"d": 20, "e": 30}, "bar": "baz"}
    assert row["output"] == {"d": 40}


def test_array_delete_takes_values_out_of_lists(api):
    api.log({"id": "foo", "tags": ["a", "b", "c"], "metadata": {"list": [1, True, 2]}})
    api.log(
        {
            "_is_merge": True,
            "id": "foo",
            "_array_delete": [
                {"path": ["tags"], "delete": ["b"]},
                {"path": ["metadata", "list"], "delete": [1]},
                {"path": ["metadata", "missing", "far"], "delete": [1]},
            ],
        }
    )
    row = api.row("foo")
    assert row["tags"] == ["a", "c"]
    assert row["metadata"]["list"] == [True, 2]


def test_a_merge_never_moves_a_span(api):
    api.log({"id": "a", "span_id": "s", "root_span_id": "r", "span_parents": ["p"]})
    before = api.row("a")
    api.log(
        {
            "_is_merge": True,
            "id": "a",
            "span_id": "s2",
            "root_span_id": "r2",
            "span_parents": ["p2"],
            "created": "2000-01-01T00:00:00Z",
            "output": 1,
        }
    )
    after = api.row("a")
    for field in ("span_id", "root_span_id", "span_parents", "created", "_pagination_key"):
        assert after[field] == before[field]
    assert after["output"] == 1


def test_a_merge_before_its_row_is_kept_as_a_row(api):
    api.log({"_is_merge": True, "id": "early", "scores": {"x": 1}})
    assert api.row("early")["scores"] == {"x": 1}
    api.log({"_is_merge": True, "id": "early", "input": "then"})
    assert api.row("early")["scores"] == {"x": 1}


def test_start_and_end_of_a_span_in_one_request_are_one_row(api):
    api.log(
        {"id": "a", "_is_merge": False, "metrics": {"start": 1.5}},
        {"id": "a", "_is_merge": True, "metrics": {"end": 2.5}},
    )
    assert api.row("a")["metrics"] == {"start": 1.5, "end": 2.5}


def test_a_null_in_a_merge_clears_the_field(api):
    api.log({"id": "a", "expected": "x"})
    api.log({"id": "a", "expected": None, "_is_merge": True})
    assert api.row("a")["expected"] is None


def test_a_deleted_row_is_gone_and_may_come_back(api):
    api.log({"id": "a", "input": 1}, {"id": "b"})
    api.log({"id": "a", "_object_delete": True}, {"id": "never", "_object_delete": True})
    assert api.ids("true") == ["b"]
    api.log({"id": "a", "input": 2})
    assert api.row("a")["input"] == 2


def test_a_comment_is_attached_to_its_row_even_before_the_row_exists(api):
    comment = {"origin": {"id": "a"}, "comment": {"text": "nice"}, "_audit_source": "app"}
    api.log({"id": "c1", **comment, "_audit_metadata": {"user_id": "u9"}})
    api.log({"id": "a", "input": "x"})
    [found] = api.row("a")["comments"]
    assert found["comment"] == {"text": "nice"}
    assert (found["source"], found["metadata"]) == ("app", {"user_id": "u9"})
    assert api.ids("true") == ["a"]
    api.log({"id": "c1", "_object_delete": True})
    assert api.row("a")["comments"] is None


def test_who_changed_a_row_is_kept(api):
    api.log({"id": "a"})
    api.log(
        {
            "id": "a",
            "_is_merge": True,
            "scores": {"x": 0},
            "_audit_source": "app",
            "_audit_metadata": {"user_id": "u9"},
        }
    )
    [entry] = api.row("a")["audit_data"]
    assert (entry["source"], entry["metadata"]) == ("app", {"user_id": "u9"})
    assert entry["audit_data"] == {"action": "merge", "to": {"scores": {"x": 0}}}


def test_a_child_may_name_only_its_parent(api):
    api.log({"id": "p", "span_id": "sp", "root_span_id": "t"})
    api.log({"id": "by_span", "span_parents": ["sp"]}, {"id": "by_row", "_parent_id": "p"})
    for row_id in ("by_span", "by_row"):
        row = api.row(row_id)
        assert (row["root_span_id"], row["span_parents"]) == ("t", ["sp"])


def test_what_was_read_can_be_sent_back(api):
    api.log({"id": "a", "input": {"x": [1, None, "é"]}, "tags": ["t"], "metrics": {"start": 1}})
    before = api.row("a")
    api.log(before)
    after = api.row("a")
    assert {**after, "_xact_id": None} == {**before, "_xact_id": None}


def test_times_are_given_in_utc_with_milliseconds(api):
    api.log({"id": "a", "created": "2026-01-14T22:01:52.551602+01:00"})
    assert api.row("a")["created"] == "2026-01-14T21:01:52.551Z"


def test_odd_content_survives(api):
    content = {
        'quote"key': "zero\u0000byte",
        "emoji": "😀",
        "empty": {"": []},
        "number": 2**53 + 1,
        "tiny": 5e-324,
    }
    api.log({"id": "a", "input": content})
    assert api.row("a")["input"] == content


def test_a_lone_surrogate_does_not_lose_the_row(api):
    row = '{"id": "a", "input": "x\\ud800y", "project_id": "' + api.project + '"}'
    body = '{"rows": [' + row + "]}"
    assert api.post("/logs3", data=body).status_code == 200
    assert api.row("a")["input"] == "x\ufffdy"


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_a_compressed_body_is_taken(api, encoding):
    body = gzip.compress(orjson.dumps({"rows": [{"id": "a", "project_id": api.project}]}))
    answer = api.post("/logs3", data=body, headers={"Content-Encoding": encoding})
    assert answer.json()["ids"] == ["a"]


def test_a_body_that_unpacks_beyond_the_limit_is_refused(api):
    bomb = gzip.compress(b" " * 50_000_000)
    answer = api.post("/logs3", data=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413


def test_many_writers_at_once_lose_nothing(api):
    """Each thread adds rows of its own and one key to a shared row."""
    api.log({"id": "shared", "metadata": {}})
    statuses: list[int] = []

    def write(writer: int) -> None:
        with requests.Session() as session:
            session.headers.update(api.session.headers)
            for index in range(10):
                rows = [
                    {"id": f"{writer}-{index}", "project_id": api.project},
                    {
                        "id": "shared",
                        "_is_merge": True,
                        "metadata": {f"{writer}-{index}": True},
                        "project_id": api.project,
                    },
                ]
                url = api.server.url + "/logs3"
                statuses.append(session.post(url, json={"rows": rows}, timeout=30).status_code)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 80
    assert len(api.server.rows("test")) == 81
    assert len(api.row("shared")["metadata"]) == 80


def test_a_file_keeps_the_rows_and_the_order_of_transactions(tmp_path):
    path = tmp_path / "braintrust.db"
    headers = {"Authorization": "Bearer k"}
    xact_ids = []
    for number in range(2):
        with LocalServer(db=path) as server:
            project = server.store.create_project("kept")[0].id
            rows = [{"id": f"r{number}", "project_id": project}]
            answer = requests.post(
                server.url + "/logs3", json={"rows": rows}, headers=headers, timeout=10
            )
            xact_ids.append(int(answer.json()["xact_id"]))
            assert [row["id"] for row in server.rows("kept")] == [
                f"r{n}" for n in range(number + 1)
            ]
    assert xact_ids[0] < xact_ids[1]


def test_readers_of_a_file_see_whole_transactions_while_it_is_written(tmp_path):
    """Both rows of a request are there, or neither."""
    with LocalServer(db=tmp_path / "braintrust.db") as server:
        project = server.store.create_project("busy")[0].id
        done = threading.Event()
        seen: set[int] = set()

        def read() -> None:
            while not done.is_set():
                seen.add(len(server.store.rows(project)) % 2)

        reader = threading.Thread(target=read)
        reader.start()
        for index in range(50):
            pair = [{"id": f"{index}-{side}", "project_id": project} for side in "ab"]
            server.store.insert_rows(pair)
        done.set()
        reader.join()
        assert seen == {0}
