"""Errors: an exception marks every span that it passes; an error can also be said."""

from otel_braintrust import configure, flush, log, start_span, traced

configure(project="examples")


@traced(type="tool")
def look_up(order: str) -> str:
    raise LookupError(f"no order {order}")


@traced(type="task")
def answer(order: str) -> str:
    try:
        return look_up(order)
    except LookupError:
        # look_up's span has the exception; this one, which got over it, has none.
        return "I cannot find that order."


print(answer("4711"))

with start_span("moderation", type="function") as span:
    span.log(error={"code": "refused", "policy": "no advice on shares"})


def pay(cart: list[str]) -> None:
    raise TimeoutError(f"the payment service did not answer about {cart}")


try:
    with start_span("checkout"):
        log(input={"cart": ["book"]})
        pay(["book"])
except TimeoutError as error:
    print("failed:", error)
assert flush().ok
