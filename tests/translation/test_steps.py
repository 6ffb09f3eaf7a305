"""Steps that none of a span's attributes and events call for change nothing, were they run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_braintrust.translation import OtlpSpan, SpanEvent
from otel_braintrust.translation import row as translation
from otel_braintrust.translation.conventions import DISPATCH
from otel_braintrust.translation.otlp import decode
from otel_braintrust.translation.strict import strict
from tests.translation.conformance import CORPUS
from tests.translation.test_any_span import KNOWN_PREFIXES, SUFFIXES, event_names, keys, values

EXAMPLES = int(os.environ.get("TRANSLATION_EXAMPLES", "300"))
CASES = sorted(CORPUS.glob("*/*/spans.otlp.json"))
SCOPES = ["", "pydantic-evals", "pipecat", "openlit.x", *sorted(s for s, _, _ in DISPATCH.scopes)]


def _as_asked(_reading: Any, _place: str, rule: Any, *arguments: Any) -> Any:
    """Run what there is, as whoever explains a row does: then no step is passed over."""
    return rule(_reading, *arguments)


def _assert_all_steps_give_the_same(span: OtlpSpan) -> None:
    _, by_all = translation.make(span, (), DISPATCH, _as_asked)
    _, by_few = translation.make(span)
    # As texts, for 1 and True are equal, and so are rows in another order.
    assert json.dumps(strict(by_few)) == json.dumps(strict(by_all))


@pytest.mark.parametrize("producer", sorted({case.parts[-3] for case in CASES}))
def test_recorded_spans_need_no_step_that_they_do_not_call_for(producer: str) -> None:
    for case in (case for case in CASES if case.parts[-3] == producer):
        for span in decode(Path(case).read_bytes()).spans:
            assert isinstance(span, OtlpSpan)
            _assert_all_steps_give_the_same(span)


def _of_family(prefix: str) -> st.SearchStrategy[Mapping[str, Any]]:
    named = st.builds(str.__add__, st.just(prefix), st.sampled_from(SUFFIXES))
    return st.dictionaries(named, values, max_size=4)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    family=st.sampled_from(KNOWN_PREFIXES).flatmap(_of_family),
    others=st.dictionaries(keys, values, max_size=5),
    events=st.lists(st.builds(SpanEvent, event_names, st.dictionaries(keys, values)), max_size=2),
    scope=st.sampled_from(SCOPES),
)
def test_no_span_needs_a_step_that_it_does_not_call_for(
    family: Mapping[str, Any], others: Mapping[str, Any], events: list[SpanEvent], scope: str
) -> None:
    _assert_all_steps_give_the_same(
        OtlpSpan(
            "1" * 32,
            "2" * 16,
            "call",
            start_ns=5,
            end_ns=9,
            attributes={**family, **others},
            events=events,
            scope_name=scope,
        )
    )
