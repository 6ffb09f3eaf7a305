"""Which spans go: modes, rules, a function of the application, and what is infrastructure."""

from otel_braintrust.selection.infrastructure import INFRASTRUCTURE_SCOPES
from otel_braintrust.selection.rules import Rule, RuleError, read_rules
from otel_braintrust.selection.selection import MODES, Selection, SpanFilter

__all__ = [
    "INFRASTRUCTURE_SCOPES",
    "MODES",
    "Rule",
    "RuleError",
    "Selection",
    "SpanFilter",
    "read_rules",
]
