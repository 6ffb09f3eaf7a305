"""Token counts under Braintrust's metric names: one family's record, nothing counted twice.

A span may carry the same usage in several families of attributes. One family supplies the whole
record; others only fill gaps, and only if their prompt total is the same. Whether cache tokens are
part of the input follows from the numbers where they prove it, else from the producer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

PROMPT = "prompt_tokens"
COMPLETION = "completion_tokens"
TOTAL = "tokens"
CACHED = "prompt_cached_tokens"
CREATED = "prompt_cache_creation_tokens"
CREATED_5M = "prompt_cache_creation_5m_tokens"
CREATED_1H = "prompt_cache_creation_1h_tokens"
REASONING = "completion_reasoning_tokens"
PROMPT_AUDIO = "prompt_audio_tokens"
COMPLETION_AUDIO = "completion_audio_tokens"
COMPLETION_IMAGE = "completion_image_tokens"

# First the family that is right when several are there; `details` and `payload` repeat others.
FAMILIES = (
    "ai.usage.v6",
    "gen_ai",
    "llm",
    "ai.usage",
    "langfuse",
    "mlflow",
    "gen_ai.old",
    "claude_code",
    "details",
    "payload",
)

_OURS = frozenset(FAMILIES)

_INTEGER = re.compile(r'^[\s"]*(\d{1,18}(?:\.0*)?|\d{1,18}(?:\.\d+)?[eE][+]?\d{1,3})[\s"]*$')


# No call uses more: beyond this a number is a mistake, and JSON readers no longer agree on it.
MAX_TOKENS = 2**53


def token_count(value: Any) -> int | None:
    """Read a token count: an integer, an integral float, a Decimal or text of one; else None."""
    if type(value) is int:
        return value if 0 <= value <= MAX_TOKENS else None
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        match = _INTEGER.match(value)
        if match is None:
            return None
        value = int(match.group(1)) if match.group(1).isdigit() else float(match.group(1))
    if isinstance(value, (float, Decimal)):
        number = float(value)
        value = int(number) if math.isfinite(number) and number == int(number) else None
    return value if isinstance(value, int) and 0 <= value <= MAX_TOKENS else None


@dataclass(slots=True)
class UsageRecords:
    """What each family of attributes says of one call, before one is chosen."""

    families: dict[str, dict[str, int]] = field(default_factory=dict)
    keys: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, family: str, name: str, count: int, key: str) -> bool:
        """Note a count; the first of a name wins within its family."""
        record = self.families.get(family)
        if record is None:
            self.families[family] = {name: count}
            self.keys.setdefault(family, {})[name] = key
            return True
        if name in record and (record[name] or not count):
            return False
        record[name] = count
        self.keys.setdefault(family, {})[name] = key
        return True

    def __bool__(self) -> bool:
        return bool(self.families)


@dataclass(slots=True)
class Usage:
    """The usage of one call in canonical names, and how it came about.

    `family` supplied the record; `filled` names those that filled gaps in it.
    """

    counts: dict[str, int]
    family: str = ""
    normalised: str | None = None
    reported_total: int | None = None
    rejected: dict[str, int] = field(default_factory=dict)
    filled: dict[str, str] = field(default_factory=dict)


_SIMPLE = frozenset(
    {PROMPT, COMPLETION, TOTAL, CACHED, CREATED, REASONING, PROMPT_AUDIO, COMPLETION_AUDIO}
)


def simple(record: Mapping[str, int], *, excludes_cache: bool) -> dict[str, int] | None:
    """Return the counts of a record in which nothing has to be mended; None for any other.

    Args:
        record: the counts of one family, the only one that speaks of the call.
        excludes_cache: as for `resolve`, which says the same of such a record.
    """
    if not record.keys() <= _SIMPLE:
        return None
    prompt, completion = record.get(PROMPT, 0), record.get(COMPLETION, 0)
    total = prompt + completion
    if prompt < 1 or completion < 1 or record.get(TOTAL, total) != total or total > MAX_TOKENS:
        return None
    if len(record) > 2:
        cached = record.get(CACHED, 0) + record.get(CREATED, 0)
        if min(record.values()) < 0 or record.get(REASONING, 0) > completion:
            return None
        if cached and (excludes_cache or cached > prompt):
            return None
        if max(record.values()) > MAX_TOKENS:
            return None
    return {**record, TOTAL: total}


def resolve(
    records: UsageRecords, *, excludes_cache: bool, provider: str | None, is_embedding: bool = False
) -> Usage | None:
    """Choose a record and normalise it.

    Args:
        records: what the families say.
        excludes_cache: the producer's input is known not to contain cache tokens.
        provider: the canonical provider; Google's totals tell of thoughts.
        is_embedding: the call completes nothing: its prompt is its total.

    Returns:
        Canonical counts, or None if nothing was reported.
    """
    family = _choose(records)
    if family is None:
        return None
    record = records.families[family]
    if all(other.items() <= record.items() for other in records.families.values()):
        simple_counts = simple(record, excludes_cache=excludes_cache)
        if simple_counts is not None:
            return Usage(simple_counts, family)
    counts = dict(record)
    filled: dict[str, str] = {}
    added = _mend_by_others(counts, records, family) if len(records.families) > 1 else None
    for other in _families_of(records) if len(records.families) > 1 else ():
        theirs = records.families.get(other)
        if other != family and theirs and _agree(counts, theirs):
            for name, count in theirs.items():
                if name not in counts:
                    counts[name] = count
                    filled[name] = other
    if not any(counts.values()):
        return None
    usage = Usage(counts, family, added, filled=filled)
    _drop_absent_halves(counts)
    if added is None:
        _add_cache(usage, excludes_cache=excludes_cache)
    _add_thoughts(usage, provider)
    if is_embedding and not counts.get(COMPLETION):
        counts.pop(COMPLETION, None)
        if TOTAL in counts or PROMPT in counts:
            counts[PROMPT] = counts.get(PROMPT) or counts[TOTAL]
            counts[TOTAL] = counts.get(TOTAL) or counts[PROMPT]
    _settle_total(usage)
    _check_parts(usage)
    return usage


def _families_of(records: UsageRecords) -> Sequence[str]:
    """Name the families by authority: those of users' conventions, then ours."""
    if _OURS.issuperset(records.families):
        return FAMILIES
    return [*(name for name in records.families if name not in _OURS), *FAMILIES]


def _choose(records: UsageRecords) -> str | None:
    if len(records.families) == 1:
        return next(iter(records.families))
    some = empty = None
    for name in _families_of(records):
        record = records.families.get(name)
        if not record:
            continue
        if not any(record.values()):
            empty = empty or name
        elif PROMPT in record and COMPLETION in record:
            return name
        else:
            some = some or name
    return some or empty


def _agree(ours: Mapping[str, int], theirs: Mapping[str, int]) -> bool:
    """Tell whether another family speaks of the same call in the same way of counting."""
    if PROMPT not in theirs:
        return True
    if PROMPT not in ours:
        return COMPLETION in ours and ours[COMPLETION] == theirs.get(COMPLETION)
    return ours[PROMPT] == theirs[PROMPT]


def _mend_by_others(counts: dict[str, int], records: UsageRecords, family: str) -> str | None:
    """Mend a record that another of the same call proves to be counted in another way.

    Some instrumentations write Anthropic's input as it stands beside the cache tokens, some a total
    where the completion should be; the response on the same span shows it.

    Returns:
        How the prompt was changed, if it was.
    """
    for other, theirs in records.families.items():
        if other == family or PROMPT not in theirs or PROMPT not in counts:
            continue
        is_total = COMPLETION in counts and counts[COMPLETION] == theirs.get(TOTAL)
        if is_total and counts[PROMPT] == theirs[PROMPT] > 0:
            counts[COMPLETION] = theirs.get(COMPLETION) or counts[COMPLETION]
        cache = theirs.get(CACHED, 0) + written_to_cache(theirs)
        same_answer = counts.get(COMPLETION) == theirs.get(COMPLETION)
        if cache and same_answer and counts[PROMPT] + cache == theirs[PROMPT]:
            if counts.get(TOTAL) == counts[PROMPT] + counts.get(COMPLETION, 0):
                counts.pop(TOTAL)
            counts[PROMPT] = theirs[PROMPT]
            return "added_cache"
    return None


def _drop_absent_halves(counts: dict[str, int]) -> None:
    """Drop sub-counts of zero where the producer reports every field whether known or not."""
    for name in (CREATED_5M, CREATED_1H):
        if not counts.get(name):
            counts.pop(name, None)
    if CREATED_5M in counts or CREATED_1H in counts:
        counts.pop(CREATED, None)


def written_to_cache(counts: Mapping[str, int]) -> int:
    """The tokens that a call wrote to a cache.

    Args:
        counts: canonical counts; those by how long they are kept may be told alone.
    """
    return max(counts.get(CREATED, 0), counts.get(CREATED_5M, 0) + counts.get(CREATED_1H, 0))


def _add_cache(usage: Usage, *, excludes_cache: bool) -> None:
    """Make the prompt count include what was read from and written to the cache."""
    counts = usage.counts
    read, written = counts.get(CACHED, 0), written_to_cache(counts)
    if not read + written or PROMPT not in counts:
        return
    prompt, completion, total = counts[PROMPT], counts.get(COMPLETION, 0), counts.get(TOTAL)
    impossible = read + written > prompt
    proven = total is not None and total == prompt + completion + read + written
    if impossible or proven or excludes_cache:
        counts[PROMPT] = prompt + read + written
        usage.normalised = "added_cache"
        if total is not None and total == prompt + completion:
            counts.pop(TOTAL)


def _add_thoughts(usage: Usage, provider: str | None) -> None:
    """Make Gemini's completion include thoughts that only its total tells of."""
    counts = usage.counts
    if provider not in ("google", "vertex") or PROMPT not in counts or COMPLETION not in counts:
        return
    total, reasoning = counts.get(TOTAL), counts.get(REASONING, 0)
    gap = total - counts[PROMPT] - counts[COMPLETION] if total is not None else 0
    if gap > 0 and reasoning in (0, gap):
        counts[COMPLETION] += gap
        usage.normalised = "added_thoughts"
    elif reasoning > counts[COMPLETION] and gap == 0 and total is None:
        counts[COMPLETION] += reasoning
        usage.normalised = "added_thoughts"


def _settle_total(usage: Usage) -> None:
    counts = usage.counts
    reported = counts.get(TOTAL)
    if PROMPT in counts and COMPLETION in counts:
        counts[TOTAL] = counts[PROMPT] + counts[COMPLETION]
        if reported is not None and reported != counts[TOTAL]:
            usage.reported_total = reported
    elif reported == 0:
        counts.pop(TOTAL)


def _check_parts(usage: Usage) -> None:
    """Put cache counts that cannot be part of the prompt aside."""
    counts = usage.counts
    if PROMPT in counts and counts.get(CACHED, 0) + written_to_cache(counts) > counts[PROMPT]:
        for name in (CACHED, CREATED, CREATED_5M, CREATED_1H):
            if name in counts:
                usage.rejected[name] = counts.pop(name)
