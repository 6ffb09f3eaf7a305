"""An embedded Braintrust: the same API on SQLite, for tests, offline work and CI."""
