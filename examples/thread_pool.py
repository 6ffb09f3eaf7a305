"""A pool of threads that carries the trace and its attributes to its tasks."""

from otel_braintrust import TracedThreadPoolExecutor, attributes, configure, flush, traced

configure(project="examples")


@traced
def addition(a: int, b: int) -> int:
    return a + b


@traced
def multiplication(a: int, b: int) -> int:
    return a * b


@traced(type="task")
def calculate() -> list[int]:
    with TracedThreadPoolExecutor(max_workers=2) as pool:
        total = pool.submit(addition, 2, b=3)
        products = pool.map(multiplication, [1, 2], [3, 4])
        return [total.result(), *products]


with attributes(user_id="u1"):
    print(calculate())
assert flush().ok
