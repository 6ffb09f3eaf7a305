"""A row's input and output: the best of what a span's dialects tell, once.

Each side is chosen on its own. Candidates go by rank; among structured messages the one that tells
most wins. A loser that says the same as the winner is dropped, any other stays in the metadata.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.comparing import richness, same_said
from otel_braintrust.translation.content_forms import UNSET, read_as, take_request, take_response
from otel_braintrust.translation.decoding import (
    is_cut_short,
    is_placeholder,
    is_redaction,
    starts_like_json,
)
from otel_braintrust.translation.messages import to_messages
from otel_braintrust.translation.model_requests import read_request, system_message, with_system
from otel_braintrust.translation.model_responses import read_response
from otel_braintrust.translation.reading import (
    FIRST_CHOICE,
    OLD_CONTENT,
    OWN,
    Candidate,
    Reading,
)

# Forms in which a model API's request or response may stand.
_PAYLOADS = frozenset({"framework", "payload"})

# Forms that a conversion may leave something of: the rest is looked for when the row is made.
_CONVERTED = frozenset({"chat", "framework", "payload", "request", "value"})


def decide(reading: Reading, span_type: str) -> tuple[Any, Any]:
    """Return the row's input and output; `UNSET` where the span tells none.

    Args:
        reading: a span, read; losers are put back into its leftovers.
        span_type: its Braintrust type.
    """
    return (
        _choose(reading, "input", reading.inputs, span_type),
        _choose(reading, "output", reading.outputs, span_type),
    )


def _rank(candidate: Candidate, span_type: str) -> tuple[int, int]:
    rank = candidate.rank
    if span_type in candidate.homes:
        rank = min(rank, FIRST_CHOICE)
    elif candidate.rank == FIRST_CHOICE and candidate.homes:
        rank = OLD_CONTENT  # structured, but made for another type of span
    return rank, candidate.order


def _choose(reading: Reading, side: str, candidates: list[Candidate], span_type: str) -> Any:
    if not candidates:
        return _with_system(reading, UNSET, span_type) if side == "input" else UNSET
    real: list[Candidate] = []
    empty: list[Candidate] = []
    for candidate in candidates:
        (empty if candidate.rank != OWN and _is_empty(candidate) else real).append(candidate)
    if len(real) > 1:
        real.sort(key=lambda candidate: _rank(candidate, span_type))
    winner, value = _first_that_reads(reading, side, real, span_type)
    if side == "input":
        value = _with_system(reading, value, span_type)
    if winner is None:
        redacted = next((c for c in empty if is_redaction(c.value)), None)
        if redacted is not None and value is UNSET:
            empty.remove(redacted)
            value = redacted.value
            reading.origins[side] = redacted
    else:
        reading.origins[side] = winner
        if winner.form in _CONVERTED:
            for raw in winner.raw.values():
                if value != reading.open(raw):
                    reading.remainders.update(winner.raw)
                    break
    for candidate in [*real, *empty]:
        if candidate is not winner:
            _put_back(reading, side, candidate, winner, value, span_type)
    return value


# The longest text of messages that hold nothing but a placeholder, and what stands for one.
_LEAST_MESSAGE = 120
NOTHING = ("null", "None")


def _is_empty(candidate: Candidate) -> bool:
    """Tell whether a candidate holds nothing, or one message that says `null`."""
    value = candidate.value
    if is_placeholder(value):
        return True
    if candidate.form != "messages" or not isinstance(value, str) or len(value) > _LEAST_MESSAGE:
        return False
    messages = to_messages(value) if starts_like_json(value) else None
    if messages is None or len(messages) != 1:
        return False
    return messages[0].get("content") in NOTHING and not messages[0].get("tool_calls")


def _first_that_reads(
    reading: Reading, side: str, ranked: list[Candidate], span_type: str
) -> tuple[Candidate | None, Any]:
    for position, candidate in enumerate(ranked):
        value = read_as(reading, side, candidate, span_type)
        if value is UNSET:
            continue
        others = ranked[position + 1 :]
        for other in _rivals(candidate, others, span_type) if others else ():
            theirs = read_as(reading, side, other, span_type)
            is_other = theirs is not UNSET and theirs != value
            if is_other and richness(theirs) > richness(value):
                candidate, value = other, theirs
        _note_cut(reading, candidate, value)
        return candidate, value
    for candidate in ranked:  # nobody could read it as what its key promises: shown as it is
        value = reading.open(candidate.value)
        if not is_placeholder(value):
            return candidate, value
    return None, UNSET


def _rivals(candidate: Candidate, others: list[Candidate], span_type: str) -> list[Candidate]:
    """Return who is compared by what they tell: structured messages, and a model call's payload.

    Flattened messages sometimes lack what the request or response beside them has: images, tool
    calls, the ids of tool calls.
    """
    if candidate.form != "messages":
        return []
    rank = _rank(candidate, span_type)[0]
    return [
        other
        for other in others
        if (other.form == "messages" and _rank(other, span_type)[0] == rank)
        or (other.form in _PAYLOADS and span_type == "llm" and rank > OWN)
    ]


_OPENINGS = frozenset({"{", "[", '"'})


def _note_cut(reading: Reading, candidate: Candidate, value: Any) -> None:
    if candidate.form == "messages" and len(candidate.raw) == 1 and not isinstance(value, str):
        return  # its one text was parsed
    for key, raw in candidate.raw.items():
        may_be_cut = type(raw) is str and raw[:1] in _OPENINGS and len(raw) > 1
        if may_be_cut and type(reading.open(raw)) is str and is_cut_short(raw):
            reading.truncated.append(key)


def _with_system(reading: Reading, value: Any, span_type: str) -> Any:
    system = reading.system
    if system is None:
        return value
    if value is UNSET:
        said = system_message(system.value)
        if said is not None and span_type in ("llm", "task"):
            return [said]
        reading.restore(system.raw)
        return UNSET
    if isinstance(value, list) and value and isinstance(value[0], dict) and "role" in value[0]:
        return with_system(value, system.value)
    reading.restore(system.raw)
    return value


def _put_back(
    reading: Reading,
    side: str,
    candidate: Candidate,
    winner: Candidate | None,
    value: Any,
    span_type: str,
) -> None:
    """Put a loser back into the leftovers, less what the row says already."""
    if winner is not None and candidate.raw is winner.raw:
        return
    if winner is not None and all(map(is_placeholder, candidate.raw.values())):
        return
    if winner is not None and _says_the_same(reading, side, candidate, value, span_type):
        reading.remainders.update(candidate.raw)
    else:
        reading.restore(candidate.raw)


def _says_the_same(
    reading: Reading, side: str, candidate: Candidate, value: Any, span_type: str
) -> bool:
    """Tell whether a loser's content is the row's, perhaps inside a larger payload."""
    if candidate.form == "messages":
        theirs = read_as(reading, side, candidate, span_type)
        return theirs is not UNSET and same_said(theirs, value)
    decoded = reading.open(candidate.value)
    if decoded == value:
        return True
    if span_type != "llm" or candidate.form not in _CONVERTED:
        return False
    if side == "input":
        request = reading.read_once(read_request, decoded)
        if request is None or not same_said(request.messages, value):
            return False
        take_request(reading, request)
        return True
    response = reading.read_once(read_response, decoded)
    if response is None or not same_said(response.choices, value):
        return False
    take_response(reading, response)
    return True


__all__ = ["UNSET", "decide"]
