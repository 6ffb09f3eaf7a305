"""The sizes that the local server keeps to."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """How large requests may be.

    Args:
        payload_max_bytes: a body of `/logs3` and of the REST API; told by `/version`. Default
            6 MiB, what the official SDK takes where a server tells nothing.
        otlp_max_bytes: a body of `/otel/v1/traces`. Default 10 MB, as hosted Braintrust has it.
        upload_max_bytes: an attachment, or rows sent round the payload limit. Default 100 MiB.
    """

    payload_max_bytes: int = 6 * MIB
    otlp_max_bytes: int = 10_000_000
    upload_max_bytes: int = 100 * MIB
