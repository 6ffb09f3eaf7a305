"""What must not leave the process is masked here: in rows, feedback and attachments alike.

A mask is a function over the fields of a row, rules of your own, built-in patterns by name, or a
list of these. It is applied once to everything that goes out, before it is written to disk and
before it is sent; see `Redaction`.
"""

from __future__ import annotations

from otel_braintrust.redaction.mask import Mask, MaskError, MaskRule, read_mask
from otel_braintrust.redaction.redacting import Redaction

__all__ = ["Mask", "MaskError", "MaskRule", "Redaction", "read_mask"]
