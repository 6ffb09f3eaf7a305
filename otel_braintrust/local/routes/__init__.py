"""The endpoints of Braintrust's API, one module a noun."""
