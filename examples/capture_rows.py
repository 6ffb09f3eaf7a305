"""A test of an application: what it logs is looked at, and nothing is sent anywhere."""

from otel_braintrust import log, start_span, traced
from otel_braintrust.testing import capture_rows, fixed_clock, fixed_ids


@traced(type="tool")
def search(query: str) -> list[str]:
    return [f"{query}: found"]


@traced(type="task")
def answer(question: str) -> str:
    log(tags=["shipping"])
    return search(question)[0]


def test_the_answer_is_logged_with_its_search() -> None:
    with capture_rows() as rows:
        answer("Where is my order?")
        assert rows["answer"]["output"] == "Where is my order?: found"
        assert rows["answer"]["tags"] == ["shipping"]
        assert rows.children("answer") == [rows["search"]]
        print(rows.tree())


def test_a_whole_row() -> None:
    with capture_rows() as rows, fixed_ids(), fixed_clock():
        start_span("step", output=7).end()
        assert rows["step"]["id"] == "0000000000000001"
        assert rows["step"]["created"] == "2026-01-01T00:00:00.000Z"


test_the_answer_is_logged_with_its_search()
test_a_whole_row()
