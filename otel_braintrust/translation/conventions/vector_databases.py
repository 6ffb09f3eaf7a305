"""Vector databases as OpenLLMetry instruments them: results arrive in span events.

Source: opentelemetry-semantic-conventions-ai, `Events.DB_QUERY_RESULT`.
"""

from __future__ import annotations

from otel_braintrust.translation.conventions.marks import varying
from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.decoding import decode_container
from otel_braintrust.translation.reading import DOMAIN_FORM, Candidate, Reading
from otel_braintrust.translation.span import SpanEvent


@varying
def _result(reading: Reading, event: SpanEvent) -> bool:
    prefix = f"{event.name}."
    found = {
        key.removeprefix(prefix): decode_container(value) for key, value in event.attributes.items()
    }
    for candidate in reading.outputs:
        if candidate.form == "as_is" and candidate.order == 9 and candidate.rank == DOMAIN_FORM:
            candidate.value.append(found)
            return True
    reading.offer(
        "output", Candidate(DOMAIN_FORM, "as_is", [found], {}, frozenset({"function"}), order=9)
    )
    return True


CONVENTION = Convention(
    name="vector_databases",
    events={"db.query.result": _result, "db.search.result": _result},
)
