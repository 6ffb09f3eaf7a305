"""Model Context Protocol: client and server spans of calls.

Source: OTel semantic conventions for MCP, mcp-python-sdk, fastmcp.
"""

from __future__ import annotations

from typing import Any

from otel_braintrust.translation.conventions.rules import Convention
from otel_braintrust.translation.reading import Reading


def _method(reading: Reading, key: str, value: Any) -> bool:
    if isinstance(value, str):
        reading.kinds.append((58, "tool" if value == "tools/call" else "function", key))
    return False


CONVENTION = Convention(name="mcp", keys={"mcp.method.name": _method})
