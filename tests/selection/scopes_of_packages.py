"""Read from installed packages the scopes that they hand to get_tracer.

For renewing published_scopes.tsv when new releases come out::

    pip install --target DIRECTORY opentelemetry-contrib-instrumentations
    python -m tests.selection.scopes_of_packages DIRECTORY

A name that is worked out while the program runs is printed as its expression after a ``?``; look
where it comes from. The column "about" is for a person to fill in: infrastructure or models.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path

COLUMNS = ("package", "version", "scope")
NAMED = ("instrumenting_module_name", "instrumentation_scope_name")


def scopes_in(directory: Path) -> Iterator[tuple[str, str]]:
    """Module and scope of each call of get_tracer beneath a directory."""
    for path in sorted(directory.rglob("*.py")):
        text = path.read_text(errors="replace")
        if "get_tracer" not in text:
            continue
        module = ".".join(path.relative_to(directory).with_suffix("").parts)
        module = module.removesuffix(".__init__")
        for scope in _scopes_of(ast.parse(text), module):
            yield module, scope


def _scopes_of(tree: ast.Module, module: str) -> Iterator[str]:
    constants = dict(_constants(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name_of(node.func) == "get_tracer":
            named = (each.value for each in node.keywords if each.arg in NAMED)
            argument = node.args[0] if node.args else next(named, None)
            if argument is not None:
                yield _value(argument, constants, module)


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((_name_of(target), node.value) for target in node.targets)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield _name_of(node.target), node.value


def _value(node: ast.expr, constants: Mapping[str, ast.expr], module: str) -> str:
    name = _name_of(node)
    if name == "__name__":
        return module
    found = constants.get(name, node) if name else node
    return str(found.value) if isinstance(found, ast.Constant) else f"?{ast.unparse(node)}"


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def main(directory: Path) -> None:
    """Print the table of a directory that packages were installed into."""
    owners = {
        str(path): (each.metadata["Name"].lower().replace("_", "-"), each.version)
        for each in distributions(path=[str(directory)])
        for path in each.files or ()
    }
    rows = set()
    for module, scope in scopes_in(directory):
        path = module.replace(".", "/")
        owner = owners.get(f"{path}.py") or owners.get(f"{path}/__init__.py") or (module, "?")
        rows.add((*owner, scope))
    print("\t".join(COLUMNS))
    for row in sorted(rows):
        print("\t".join(row))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
