"""The table of instrumentation scopes whose spans tell of infrastructure.

HTTP, databases, caches, queues, schedulers, cloud clients. The names are those that the published
packages hand to ``get_tracer``, or the module that does; ``tests/selection/published_scopes.tsv``
holds what was read from them, and from the packages that are about models, agents and vector
databases, which are not in here.
"""

from __future__ import annotations

# opentelemetry-python-contrib, release 0.66b1, and what earlier releases had besides.
OPENTELEMETRY_CONTRIB = (
    "aio_pika", "aiohttp_client", "aiohttp_server", "aiokafka", "aiopg", "asgi", "asyncclick",
    "asyncio", "asyncpg", "aws_lambda", "boto", "boto3sqs", "botocore", "cassandra", "celery",
    "click", "confluent_kafka", "dbapi", "django", "elasticsearch", "exceptions", "falcon",
    "fastapi", "flask", "grpc", "httpx", "jinja2", "kafka", "logging", "mysql", "mysqlclient",
    "pika", "psycopg", "psycopg2", "pymemcache", "pymongo", "pymssql", "pymysql", "pyramid",
    "redis", "remoulade", "requests", "sklearn", "sqlalchemy", "sqlite3", "starlette",
    "structlog", "system_metrics", "threading", "tornado", "tortoiseorm", "urllib", "urllib3",
    "wsgi",
)  # fmt: skip
# Others that publish as ``opentelemetry-instrumentation-...``, by the module that name stands for.
OPENTELEMETRY_OTHERS = (
    "aerospike", "aliyun_ons_http", "amgi_sqs_event_source_mapping", "arq", "asyncfast",
    "asyncpg_listen", "auto_instrumentation", "dagster", "digma", "discordpy",
    "django_outbox_pattern", "django_q2_full_of_juice", "django_stomp", "eventiq", "faststream",
    "google_api_client", "gunicorn", "kafka_python", "keystoneauth1", "keystonemiddleware", "kser",
    "kstreams", "nameko", "nameko_grpc", "niquests", "openstacksdk", "oracledb", "oslo_log",
    "oslo_messaging", "oslo_service", "peewee", "pubsub", "ray_serve", "re", "requestid", "rq",
    "sanic", "simplerr", "taskflow", "valkey",
)  # fmt: skip
# Libraries that make spans of their own.
NATIVE = (
    "azure-core",
    "azure.core",  # by way of azure-core-tracing-opentelemetry
    "azure.cosmos",
    "cloud.google.com/python/spanner",
    "dramatiq_opentelemetry",
    "elastic_transport",
    "elasticsearch-api",
    "fastapi",
    "faststream",
    "google.cloud.bigquery",
    "google.cloud.datastore",
    "google.cloud.firestore",
    "google.cloud.firestore_v1",
    "google.cloud.pubsub_v1",
    "google.cloud.spanner",
    "google.cloud.spanner_v1",
    "google.cloud.storage",
    "grpc-python",
    "grpc_observability",
    # Logfire's, about the same requests as OpenTelemetry's instrumentation.
    "logfire.aiohttp_client",
    "logfire.asyncio",
    "logfire.fastapi",
    "logfire.httpx",
    "nats",
    "neo4j",
    "opentelemetry_instrumentor_dramatiq",
    "pulsar",
    "PyMongo",
    "pymongo",
    "starlette",
    "strawberry",
    "taskiq",
    "temporalio",
    "uvicorn",
)
# Beneath a name of the table, and yet about models.
MODEL_SCOPES = frozenset({"opentelemetry.instrumentation.botocore.bedrock-runtime"})
INFRASTRUCTURE_SCOPES: frozenset[str] = frozenset(
    [
        *(f"opentelemetry.instrumentation.{name}" for name in OPENTELEMETRY_CONTRIB),
        *(f"opentelemetry.instrumentation.{name}" for name in OPENTELEMETRY_OTHERS),
        *NATIVE,
    ]
)
