"""One code, two projects: the deployment says which, by an environment variable or an argument."""

import os

from otel_braintrust import configure, flush, start_span

environment = os.environ.get("DEPLOYMENT", "staging")
configure(
    project=f"examples, {environment}",
    environment_type="server",
    environment_name=environment,
)

with start_span("answer", output="On its way."):
    pass
assert flush().ok
print(environment)
