"""Token counts of one call that stand in attributes of several families."""

from __future__ import annotations

from otel_braintrust.translation import OtlpSpan, translate


def test_two_families_that_tell_nothing_but_the_same_prompt_agree() -> None:
    attributes = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.prompt_tokens": 7,
    }
    row = translate(OtlpSpan("1" * 32, "2" * 16, "embeddings", start_ns=5, attributes=attributes))

    assert row["metrics"]["prompt_tokens"] == 7
    assert "mapping_error" not in row["metadata"]
