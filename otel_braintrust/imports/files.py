"""Files into the project that settings or arguments name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from otel_braintrust.delivery.destinations import Destination
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.equipment import new_connection, new_redaction
from otel_braintrust.imports.importing import Import, ImportResult
from otel_braintrust.imports.sending import RowSender
from otel_braintrust.imports.sources import Source
from otel_braintrust.settings import Settings


def import_files(
    files: Sequence[str],
    *,
    settings: Settings | None = None,
    destination: Destination | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> ImportResult:
    """Import spans captured elsewhere: OTLP files, rows as ``export`` prints them, nested trees.

    Args:
        files: Their paths; ``-`` is stdin.
        settings: The options, with a key; default what the environment says.
        destination: Where the rows go; default where the settings say that spans go.
        tell: Called with each problem, as one line with file and line.

    Returns:
        How many rows and comments arrived, and what did not.

    Raises:
        ValueError: There is no API key.
        SettingsError: An option cannot be used.

    Example::

        result = import_files(["spans.jsonl"], tell=print)
        print(result.imported, result.ok)
    """
    used = settings if settings is not None else Settings.resolve()
    if not used.api_key:
        raise ValueError("an API key is needed to import")
    connection = new_connection(used, used.api_key)
    sender = RowSender(
        connection,
        destination if destination is not None else used.destination,
        Limits(used.max_request_bytes, used.max_request_rows),
        redact=new_redaction(used, Troubles()),
        num_retries=used.num_retries,
    )
    try:
        result = Import(sender, tell=tell).run([Source(name) for name in files])
        if sender.stopped is not None:
            tell(f"the import stopped, repeat it when this is mended: {sender.stopped}")
        return result
    finally:
        connection.close()
