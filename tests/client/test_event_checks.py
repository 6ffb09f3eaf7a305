"""Log events and feedback are checked before anything is sent, faults named with their place."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from otel_braintrust.client import EventError, RatingError, RatingScale
from otel_braintrust.client.events import EVENT_FIELDS, check_events, check_feedback


def test_an_event_without_an_id_is_given_one() -> None:
    [first, second, named] = check_events([{"input": 1}, {"input": 1}, {"id": "mine"}])

    assert uuid.UUID(first["id"]) != uuid.UUID(second["id"])
    assert named == {"id": "mine"}


def test_a_row_that_was_fetched_can_be_inserted_again() -> None:
    fetched = {
        "id": "r1",
        "_xact_id": "1000196487721888886",
        "_pagination_key": "p07",
        "created": "2026-01-14T21:01:52.550Z",
        "org_id": "o",
        "project_id": "p",
        "log_id": "g",
        "span_id": "s",
        "root_span_id": "s",
        "span_parents": None,
        "is_root": True,
        "input": {"q": 1},
        "scores": None,
        "comments": None,
        "audit_data": [{}],
    }

    [event] = check_events([fetched])

    kept = {"id", "created", "span_id", "root_span_id", "span_parents", "input", "scores"}
    assert event == {key: value for key, value in fetched.items() if key in kept}


def test_scores_that_are_true_or_false_become_numbers() -> None:
    [event] = check_events([{"scores": {"helpful": True, "polite": False, "half": 0.5}}])

    assert event["scores"] == {"helpful": 1, "polite": 0, "half": 0.5}


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ("text", "event 1 must be an object, found the text 'text'"),
        ({"inptu": 1}, "event 1: unknown field 'inptu'; there are id, input, output"),
        ({"id": ""}, "event 1: id must be a text that is not empty"),
        ({"id": 7}, "event 1: id must be a text that is not empty, found the number 7"),
        ({"metadata": "x"}, "event 1: metadata must be an object, found the text 'x'"),
        ({"metadata": [1]}, "event 1: metadata must be an object, found a list [1]"),
        ({"metrics": {"a": "1"}}, "event 1: metrics must be an object of numbers"),
        ({"metrics": {"a": True}}, "event 1: metrics must be an object of numbers"),
        ({"metrics": {"a": float("nan")}}, "event 1: metrics must be an object of numbers"),
        ({"scores": {"a": 2}}, "event 1: scores must be an object of numbers from 0 to 1"),
        ({"scores": 1}, "event 1: scores must be an object of numbers from 0 to 1"),
        ({"tags": "x"}, "event 1: tags must be a list of texts"),
        ({"tags": [1]}, "event 1: tags must be a list of texts"),
        ({"created": "yesterday"}, "event 1: created must be a time such as"),
        ({"created": "2026-02-30T00:00:00Z"}, "event 1: created must be a time such as"),
        ({"created": 1767225600}, "event 1: created must be a time such as"),
        ({"span_parents": "x"}, "event 1: span_parents must be a list of texts"),
        ({"_is_merge": "yes"}, "event 1: _is_merge must be true or false"),
        ({"id": "first"}, "event 1 has the id of event 0: 'first'"),
    ],
)
def test_a_wrong_event_is_named_by_its_index_and_field(event: Any, problem: str) -> None:
    with pytest.raises(EventError) as refused:
        check_events([{"id": "first"}, event])

    assert problem in str(refused.value)


@pytest.mark.parametrize("events", [{}, "x", 3, None])
def test_what_is_no_list_of_events_is_refused(events: Any) -> None:
    with pytest.raises(EventError, match="must be a list of objects"):
        check_events(events)


@pytest.mark.parametrize("field", EVENT_FIELDS)
def test_null_counts_as_absent_in_every_field(field: str) -> None:
    assert check_events([{field: None}])


@pytest.mark.parametrize(
    "created",
    [
        "2025-01-15T10:30:00Z",
        "2025-01-15T10:30:00.1Z",
        "2025-01-15T10:30:00.123456789+02:00",
        "2024-12-31T23:59:60Z",
    ],
)
def test_times_in_every_form_of_rfc_3339_are_taken(created: str) -> None:
    assert check_events([{"created": created}])[0]["created"] == created


def test_a_rating_becomes_a_score_and_stays_as_given_in_the_metadata() -> None:
    [item] = check_feedback([{"id": "r", "rating": 4, "metadata": {"user_id": "u"}}])

    assert item == {
        "id": "r",
        "scores": {"rating": 0.75},
        "metadata": {"user_id": "u", "rating": 4, "rating_scale": "1-5"},
    }


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"rating": 1}, "has no id"),
        ({"id": "r"}, "says nothing"),
        ({"id": "r", "metadata": {"a": 1}}, "says nothing"),
        ({"id": "r", "rating": 1, "scores": {"rating": 1}}, "both a rating and scores.rating"),
        ({"id": "r", "ratng": 1}, "unknown field 'ratng'"),
        ({"id": "r", "comment": 5}, "comment must be a text"),
        ({"id": "r", "scores": {"x": 7}}, "scores must be an object of numbers from 0 to 1"),
        ({"id": "r", "tags": "a"}, "tags must be a list of texts"),
        ({"id": "r", "comment": "x", "source": "me"}, "source must be app, api or external"),
        ([], "must be an object"),
    ],
)
def test_wrong_feedback_is_refused_by_name(item: Any, problem: str) -> None:
    with pytest.raises(EventError) as refused:
        check_feedback([item])

    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("scale", "rating", "score"),
    [
        ("1-5", 1, 0.0),
        ("1-5", 5, 1.0),
        ("0-1", 0.25, 0.25),
        ("1-10", 5.5, 0.5),
        ("-1-1", 0, 0.5),
        ("-10--5", -5, 1.0),
        ("0..100", 40, 0.4),
    ],
)
def test_a_rating_lies_on_its_scale(scale: str, rating: float, score: float) -> None:
    assert RatingScale.parse(scale).score(rating) == pytest.approx(score)


@pytest.mark.parametrize("scale", ["", "5", "5-1", "3-3", "a-b", "1-5-9"])
def test_a_scale_that_cannot_be_read_is_refused(scale: str) -> None:
    with pytest.raises(RatingError, match="rating scale"):
        RatingScale.parse(scale)


@pytest.mark.parametrize("rating", [0, 6, "5", True, float("nan"), [5]])
def test_a_rating_that_is_not_on_the_scale_is_refused(rating: Any) -> None:
    with pytest.raises(RatingError, match="the rating"):
        RatingScale.parse("1-5").score(rating)
