"""The package's public names: listed, loadable, and never hidden by a module."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import otel_braintrust


def test_every_listed_name_is_there_and_every_home_is_listed() -> None:
    assert len(otel_braintrust.__all__) == len(set(otel_braintrust.__all__))
    for name in otel_braintrust.__all__:
        assert getattr(otel_braintrust, name) is not None
    assert set(otel_braintrust.__all__) == set(otel_braintrust._HOMES)


def test_no_public_name_is_hidden_by_a_module_of_the_same_name() -> None:
    modules = {module.name for module in pkgutil.iter_modules(otel_braintrust.__path__)}
    assert modules.isdisjoint(otel_braintrust.__all__)
    for module in ("configuration", "accounts"):
        importlib.import_module(f"otel_braintrust.{module}")
    assert callable(otel_braintrust.configure)
    assert callable(otel_braintrust.ledger)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = otel_braintrust.nothing
