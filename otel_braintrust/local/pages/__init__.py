"""The pages of the local Braintrust: a list of traces and a view of one, drawn in the browser.

`routes` is mounted by the server's application; each handler finds the store at
`request.app.state.store`.
"""

from __future__ import annotations

from otel_braintrust.local.pages.serving import routes

__all__ = ["routes"]
