"""Braintrust's query language, as far as logs need it; every value becomes a parameter."""
