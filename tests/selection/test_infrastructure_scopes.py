"""The table of infrastructure scopes, held against what published packages hand to get_tracer."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_braintrust.selection.ai_spans import calls_model
from otel_braintrust.selection.infrastructure import INFRASTRUCTURE_SCOPES, MODEL_SCOPES
from otel_braintrust.selection.scopes import Scopes
from tests.selection.scopes_of_packages import COLUMNS, scopes_in

CORPUS = Path(__file__).parent.parent / "corpus"
INFRASTRUCTURE = Scopes(INFRASTRUCTURE_SCOPES, but=MODEL_SCOPES)


def published() -> Iterator[dict[str, str]]:
    """What was read from packages on PyPI, by scopes_of_packages.py and a look at each."""
    with Path(__file__).with_name("published_scopes.tsv").open(newline="") as table:
        yield from csv.DictReader(table, delimiter="\t")


def recorded() -> Iterator[tuple[str, dict[str, Any]]]:
    """Scope and attributes of each recorded span of the corpus."""
    for path in CORPUS.rglob("spans*.json"):
        for resource in json.loads(path.read_text()).get("resourceSpans", ()):
            for group in resource.get("scopeSpans", ()):
                for span in group.get("spans", ()):
                    keys = {each["key"]: each["value"] for each in span.get("attributes", ())}
                    yield group.get("scope", {}).get("name", ""), keys


def test_each_scope_of_a_published_package_is_in_the_table_or_about_models() -> None:
    assert tuple(next(published())) == (*COLUMNS, "about")
    wrong = [
        row["scope"]
        for row in published()
        if (row["about"] == "infrastructure") != (row["scope"] in INFRASTRUCTURE)
    ]
    assert wrong == []


def test_contrib_is_there_as_a_whole() -> None:
    packages = {row["package"] for row in published() if row["version"] == "0.66b1"}
    # All that make spans, of the 51 that opentelemetry-contrib-instrumentations 0.66b1 installs.
    assert len(packages) == 46


def test_no_recorded_span_that_is_about_models_is_infrastructure() -> None:
    spans = list(recorded())
    assert len(spans) > 1000
    left = {
        scope
        for scope, attributes in spans
        if scope in INFRASTRUCTURE and not calls_model(attributes)
    }
    # Those that are left: requests, queries, and the HTTP of clouds.
    assert left == {
        "azure.core.tracing.ext.opentelemetry_span",
        "opentelemetry.instrumentation.fastapi",
        "opentelemetry.instrumentation.httpx",
        "opentelemetry.instrumentation.requests",
        "opentelemetry.instrumentation.sqlalchemy",
    }


@pytest.mark.parametrize(
    ("scope", "is_infrastructure"),
    [
        ("opentelemetry.instrumentation.redis", True),
        ("opentelemetry.instrumentation.redis.asyncio", True),
        ("opentelemetry.instrumentation.redistribute", False),
        ("opentelemetry.instrumentation", False),
        ("opentelemetry.instrumentation.botocore.s3", True),
        ("opentelemetry.instrumentation.botocore.bedrock-runtime.v2", False),
        ("openinference.instrumentation.httpx", False),
        ("", False),
        (None, False),
    ],
)
def test_a_name_means_all_beneath_it(scope: str, is_infrastructure: bool) -> None:
    assert (scope in INFRASTRUCTURE) is is_infrastructure


def test_a_scope_of_the_application_goes_before_what_is_excepted() -> None:
    scope = "opentelemetry.instrumentation.botocore.bedrock-runtime"
    assert scope in Scopes([*INFRASTRUCTURE_SCOPES, scope], but=MODEL_SCOPES)


def test_scopes_are_read_from_packages_as_they_are_installed(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "__init__.py").write_text("tracer = get_tracer(__name__, '1')\n")
    (tmp_path / "acme" / "more.py").write_text(
        "NAME = 'acme.more'\nclass A:\n    t = trace.get_tracer(NAME)\n"
        "other = get_tracer(instrumenting_module_name='acme-named')\nunknown = get_tracer(f())\n"
    )
    found = {(module, scope) for module, scope in scopes_in(tmp_path)}
    assert found == {
        ("acme", "acme"),
        ("acme.more", "acme.more"),
        ("acme.more", "acme-named"),
        ("acme.more", "?f()"),
    }
