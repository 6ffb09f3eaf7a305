"""Deeply nested code: the current span is found wherever the code is."""

from otel_braintrust import configure, current_span, flush, log, start_span, traced

configure(project="examples")


def rank(documents: list[str]) -> list[str]:
    # Far from whoever began the span, and without having been handed it:
    log(metadata={"ranker": "by length"})
    current_span().log(metrics={"documents": len(documents)})
    return sorted(documents, key=len)


@traced
def retrieve(question: str) -> list[str]:
    with start_span("rank", type="function"):
        return rank([f"{question} and more", question])


@traced(type="task")
def answer(question: str) -> str:
    return retrieve(question)[0]


print(answer("Where is my order?"))
assert flush().ok
