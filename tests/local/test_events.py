"""Events over REST: insert, fetch page by page, feedback."""

from __future__ import annotations

import base64

import pytest


def insert(api, *events):
    answer = api.post(api.path("insert"), {"events": list(events)})
    assert answer.status_code == 200, answer.text
    return answer.json()["row_ids"]


def pages(api, limit):
    """All pages of a fetch, each as the list of its rows' ids."""
    body = {"limit": limit}
    while True:
        page = api.post(api.path("fetch"), body).json()
        yield [event["id"] for event in page["events"]]
        if not page["cursor"]:
            return
        body["cursor"] = page["cursor"]


def test_row_ids_are_answered_one_for_each_event(api):
    ids = insert(api, {"id": "mine"}, {"input": 1}, {"id": "last"})
    assert ids[0] == "mine"
    assert ids[2] == "last"
    assert api.row(ids[1])["input"] == 1


def test_an_event_lands_in_the_project_of_the_path_whatever_it_says(api):
    other = api.post("/v1/project", {"name": "other"}).json()["id"]
    insert(api, {"id": "a", "project_id": other, "experiment_id": "nonsense"})
    assert api.row("a")["project_id"] == api.project


def test_fetch_returns_whole_traces_the_latest_first(api):
    for trace in ("t1", "t2", "t3"):
        insert(
            api,
            {"id": f"{trace}-root", "span_id": trace, "root_span_id": trace},
            {"id": f"{trace}-leaf", "span_id": "x", "root_span_id": trace, "span_parents": [trace]},
        )
    assert list(pages(api, 2)) == [
        ["t3-leaf", "t3-root", "t2-leaf", "t2-root"],
        ["t1-leaf", "t1-root"],
    ]


def test_fetch_without_rows_has_no_cursor(api):
    assert api.get(api.path("fetch")).json() == {"events": [], "cursor": None}


def test_fetch_takes_its_parameters_from_the_query_too(api):
    insert(api, {"id": "a"}, {"id": "b"})
    page = api.get(api.path("fetch"), params={"limit": "1"}).json()
    assert [event["id"] for event in page["events"]] == ["b"]
    rest = api.get(api.path("fetch"), params={"limit": "1", "cursor": page["cursor"]}).json()
    assert ([event["id"] for event in rest["events"]], rest["cursor"]) == (["a"], None)


def test_any_limit_is_taken(api):
    insert(api, {"id": "a"})
    for limit, count in ((0, 0), (2**63 - 1, 1)):
        page = api.post(api.path("fetch"), {"limit": limit}).json()
        assert (len(page["events"]), page["cursor"]) == (count, None)


def test_rows_written_between_pages_neither_hide_nor_repeat_others(api):
    insert(api, {"id": "a", "input": "old"}, {"id": "b"}, {"id": "c"})
    first = api.post(api.path("fetch"), {"limit": 1}).json()
    insert(api, {"id": "a", "input": "new"}, {"id": "d"}, {"id": "b", "_object_delete": True})
    rest = api.post(api.path("fetch"), {"limit": 10, "cursor": first["cursor"]}).json()
    assert [(event["id"], event["input"]) for event in rest["events"]] == [
        ("b", None),
        ("a", "old"),
    ]


def test_a_version_is_the_data_as_it_was(api):
    insert(api, {"id": "a", "input": 1})
    version = api.row("a")["_xact_id"]
    insert(api, {"id": "a", "input": 2}, {"id": "b"})
    page = api.post(api.path("fetch"), {"version": version}).json()
    assert [(event["id"], event["input"]) for event in page["events"]] == [("a", 1)]


@pytest.mark.parametrize(
    "body",
    [
        {"limit": -1},
        {"limit": "many"},
        {"limit": 1.5},
        {"limit": True},
        {"cursor": "x"},
        {"cursor": 5},
        {"cursor": "W10="},
        {"cursor": base64.b64encode(b"[1, -5]").decode()},
        {"cursor": base64.b64encode(b"[9223372036854775808, 0]").decode()},
        {"version": "new"},
        {"version": "9" * 19},
        {"max_xact_id": "5"},
    ],
)
def test_a_fetch_asked_for_wrongly_names_the_parameter(api, body):
    answer = api.post(api.path("fetch"), body)
    assert answer.status_code == 400
    assert next(iter(body)) in answer.text


def test_feedback_scores_and_comments_on_a_row(api):
    insert(api, {"id": "a", "scores": {"old": 1}, "tags": ["x"], "metadata": {"kept": 1}})
    item = {
        "id": "a",
        "scores": {"thumb": 0.5},
        "expected": {"better": "x"},
        "comment": "nice",
        "metadata": {"user_id": "u9"},
        "source": "app",
        "tags": ["fb"],
    }
    answer = api.post(api.path("feedback"), {"feedback": [item]})
    assert answer.json() == {"status": "success"}
    row = api.row("a")
    assert row["scores"] == {"old": 1, "thumb": 0.5}
    assert row["expected"] == {"better": "x"}
    assert row["tags"] == ["x", "fb"]
    assert row["metadata"] == {"kept": 1}
    assert row["comments"][0]["comment"] == {"text": "nice"}
    assert row["audit_data"][0]["metadata"] == {"user_id": "u9"}
    assert api.ids("true") == ["a"]


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({}, "feedback[0].id"),
        ({"id": "a", "scores": {"x": 5}}, "feedback[0].scores.x"),
        ({"id": "a", "comment": {}}, "feedback[0].comment"),
        ({"id": "a", "source": "me"}, "feedback[0].source"),
        ({"id": "a", "tags": "x"}, "feedback[0].tags"),
        (5, "feedback[0]"),
    ],
)
def test_bad_feedback_is_named_and_changes_nothing(api, item, place):
    insert(api, {"id": "a"})
    answer = api.post(api.path("feedback"), {"feedback": [item]})
    assert answer.status_code == 400
    assert answer.text.startswith(f"{place}: ")
    assert api.row("a")["scores"] is None


def test_two_feedbacks_at_once_both_leave_their_mark(api):
    insert(api, {"id": "a"})
    items = [{"id": "a", "scores": {name: 1}, "metadata": {"by": name}} for name in ("x", "y")]
    api.post(api.path("feedback"), {"feedback": items})
    row = api.row("a")
    assert row["scores"] == {"x": 1, "y": 1}
    assert [entry["metadata"]["by"] for entry in row["audit_data"]] == ["x", "y"]


def test_an_experiment_holds_rows_of_its_own(api):
    wanted = {"project_id": api.project, "name": "e1", "ensure_new": True}
    first, second = (api.post("/v1/experiment", wanted).json() for _ in range(2))
    assert first["name"] == "e1"
    assert second["name"].startswith("e1-")
    api.log({"id": "a", "experiment_id": first["id"]})
    page = api.post(f"/v1/experiment/{first['id']}/fetch", {}).json()
    assert [(event["id"], event["experiment_id"]) for event in page["events"]] == [
        ("a", first["id"])
    ]
    assert api.ids("true") == []
