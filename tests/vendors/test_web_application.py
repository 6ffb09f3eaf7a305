"""A FastAPI application with HTTP, database and cache instrumentation, an agent in one route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.selection.conftest import Pipeline

WHY = "tests/vendors/requirements.txt is not installed"
fastapi = pytest.importorskip("fastapi", reason=WHY)
httpx = pytest.importorskip("httpx", reason=WHY)
sqlalchemy = pytest.importorskip("sqlalchemy", reason=WHY)
fakeredis = pytest.importorskip("fakeredis", reason=WHY)
testclient = pytest.importorskip("fastapi.testclient", reason=WHY)
for name in ("fastapi", "httpx", "sqlalchemy", "redis"):
    pytest.importorskip(f"opentelemetry.instrumentation.{name}", reason=WHY)

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


@pytest.fixture
def application(pipeline: Callable[..., Pipeline]) -> Any:
    """The pipeline and a client of the application, instrumented."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    made = pipeline()
    instrumentors = (HTTPXClientInstrumentor(), RedisInstrumentor())
    for each in instrumentors:
        each.instrument(tracer_provider=made.provider)
    engine = sqlalchemy.create_engine(
        "sqlite://",
        poolclass=sqlalchemy.pool.StaticPool,
        connect_args={"check_same_thread": False},
    )
    SQLAlchemyInstrumentor().instrument(engine=engine, tracer_provider=made.provider)
    redis = fakeredis.FakeRedis()
    app = build(made, engine, redis)
    FastAPIInstrumentor.instrument_app(app, tracer_provider=made.provider)
    yield made, testclient.TestClient(app)
    FastAPIInstrumentor.uninstrument_app(app)
    SQLAlchemyInstrumentor().uninstrument()
    for each in instrumentors:
        each.uninstrument()


def build(made: Pipeline, engine: Any, redis: Any) -> Any:
    app = fastapi.FastAPI()
    tracer = made.tracer("openai")
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={}))

    def work() -> None:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
        redis.get("key")
        with httpx.Client(transport=transport) as client:
            client.get("http://backend.test/")

    @app.get("/health")
    def health() -> dict[str, bool]:
        work()
        return {"ok": True}

    @app.get("/chat/{name}")
    def chat(name: str) -> dict[str, str]:
        work()
        with made.tracer("application").start_as_current_span("agent"):
            work()
            with tracer.start_as_current_span("chat gpt-4o", attributes=CHAT):
                work()
        return {"name": name}

    return app


def test_exactly_the_routes_with_model_calls_show(application: Any) -> None:
    made, client = application
    for _ in range(3):
        assert client.get("/health").status_code == 200
    assert client.get("/chat/ada").status_code == 200
    assert client.get("/missing").status_code == 404
    made.flush()
    assert made.parents == {
        "GET /chat/{name}": None,
        "agent": "GET /chat/{name}",
        "chat gpt-4o": "agent",
    }
    counts = made.processor.ledger
    assert counts.sent == 3
    assert counts.filtered > 20
    assert len(made.processor._passage.tree.followed.open) == 0
