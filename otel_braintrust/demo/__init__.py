"""The demo: an agent, its model endpoint and a local Braintrust, all in one process and offline."""
