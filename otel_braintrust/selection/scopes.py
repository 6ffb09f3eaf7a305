"""The instrumentation scopes whose spans tell of infrastructure: HTTP, databases, caches, queues.

A scope is meant by its own name and by all names beneath it: ``opentelemetry.instrumentation.grpc``
is also ``opentelemetry.instrumentation.grpc._client``. The names are those that instrumentations
hand to ``get_tracer``. Model clients, agent frameworks and vector databases are not among them.
"""

from __future__ import annotations

from collections.abc import Iterable

# https://github.com/open-telemetry/opentelemetry-python-contrib/tree/main/instrumentation
OPENTELEMETRY_CONTRIB = (
    "aio_pika", "aiohttp_client", "aiohttp_server", "aiokafka", "aiopg", "asgi", "asyncclick",
    "asyncio", "asyncpg", "aws_lambda", "boto", "boto3sqs", "botocore", "cassandra", "celery",
    "click", "confluent_kafka", "dbapi", "django", "elasticsearch", "falcon", "fastapi", "flask",
    "grpc", "httpx", "jinja2", "kafka", "logging", "mysql", "mysqlclient", "pika", "psycopg",
    "psycopg2", "pymemcache", "pymongo", "pymssql", "pymysql", "pyramid", "redis", "remoulade",
    "requests", "sklearn", "sqlalchemy", "sqlite3", "starlette", "system_metrics", "threading",
    "tornado", "tortoiseorm", "urllib", "urllib3", "wsgi",
)  # fmt: skip
# Published beside contrib under its names, and releases before a name was changed.
OPENTELEMETRY_OTHERS = (
    "aerospike", "aiohttp", "aioredis", "arq", "asyncpg_listen", "auto_instrumentation",
    "django_outbox_pattern", "django_stomp", "dramatiq", "exceptions", "faststream",
    "google_api_client", "gunicorn", "httpx2", "kafka_python", "keystoneauth1",
    "keystonemiddleware", "kser", "kstreams", "litestar", "nameko", "niquests", "openstacksdk",
    "oracledb", "oslo_log", "oslo_messaging", "oslo_service", "peewee", "procrastinate",
    "psycopg_pool", "pubsub", "pymilvus_grpc", "ray_serve", "re", "requestid", "rq", "sanic",
    "simplerr", "structlog", "taskflow", "uvicorn", "uwsgi", "valkey",
)  # fmt: skip
# Libraries that make spans of their own; HTTP of cloud clients, databases, web servers, queues.
NATIVE = (
    "aiohttp_client",
    "azure.core",
    "azure.core.tracing",
    "azure.cosmos",
    "azure.data.tables",
    "azure.eventhub",
    "azure.identity",
    "azure.servicebus",
    "azure.storage",
    "cloud.google.com/python/spanner",
    "dramatiq_opentelemetry",
    "elastic-transport",
    "elastic_transport",
    "elasticsearch-api",
    "faststream",
    "google.cloud.bigquery",
    "google.cloud.bigquery.opentelemetry_tracing",
    "google.cloud.datastore",
    "google.cloud.firestore",
    "google.cloud.pubsub",
    "google.cloud.pubsub_v1",
    "google.cloud.spanner",
    "google.cloud.spanner_v1",
    "google.cloud.storage",
    "grpc-python",
    "grpc_observability",
    "nats",
    "neo4j",
    "PyMongo",
    "pymongo",
    "pulsar",
    "spanner",
    "starlette",
    "taskiq",
    "uvicorn",
)
# The same layers as JavaScript and Java name them, for spans that reach Python by a bridge.
BRIDGED = (
    "@opentelemetry/instrumentation-express",
    "@opentelemetry/instrumentation-fetch",
    "@opentelemetry/instrumentation-http",
    "@opentelemetry/instrumentation-undici",
    "@prisma/instrumentation",
    "prisma",
    "next.js",
)
INFRASTRUCTURE_SCOPES: frozenset[str] = frozenset(
    [
        *(f"opentelemetry.instrumentation.{name}" for name in OPENTELEMETRY_CONTRIB),
        *(f"opentelemetry.instrumentation.{name}" for name in OPENTELEMETRY_OTHERS),
        *NATIVE,
        *BRIDGED,
    ]
)


class Scopes:
    """A set of scopes, asked for each span; answers are kept, up to a thousand.

    Args:
        names: Names of scopes; names beneath them are meant, too.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._known: dict[str, bool] = {}

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= 1000:
                self._known.clear()
            known = self._known[name] = self._is_beneath(name)
        return known

    def _is_beneath(self, name: str) -> bool:
        parts = name.split(".")
        beginnings = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
        return any(beginning in self._names for beginning in beginnings)
