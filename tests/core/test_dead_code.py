"""All that a module of the package defines is used: by itself, a notebook, the Snakefile, a benchmark or a tool."""

import ast
import json
import re
from pathlib import Path

from cefr_helpers.core.paths import project_root

ROOT = project_root()
PACKAGE = ROOT / "cefr_helpers"


def defined() -> dict[tuple[str, str], Path]:
    """(module, name) of each function, class and constant -> its file; commands of the terminal are no dead code."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [getattr(node, "name", "")] if not getattr(node, "decorator_list", None) else []
            names += [one.id for one in getattr(node, "targets", []) if isinstance(one, ast.Name)]
            found |= {(path.stem, name): path for name in names if name and not name.startswith("__")}
    return found


def used(code: str, module: str = "") -> set[tuple[str, str]]:
    """(module, name) of all that Python code uses: imported by name, as an attribute of a module, or its own."""
    nodes = list(ast.walk(ast.parse(code)))
    modules, found = {}, set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cefr_helpers"):
            found |= {(node.module.split(".")[-1], one.name) for one in node.names}
            modules |= {one.asname or one.name: one.name for one in node.names}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add((modules.get(node.value.id, node.value.id), node.attr))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add((module, node.id))
    return found


def everything_used() -> set[tuple[str, str]]:
    snakefile = (ROOT / "Snakefile").read_text(encoding="utf-8")
    aliases = {alias: name for name, alias in re.findall(r"import (\w+) as (\w+)", snakefile)}
    found = {(aliases.get(module, module), name) for module, name in re.findall(r"(\w+)\.(\w+)", snakefile)}
    for folder in ("cefr_helpers", "benchmarks", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= used(path.read_text(encoding="utf-8"), path.stem)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        found |= used("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
    return found


def test_everything_that_is_defined_is_used():
    names, uses = defined(), everything_used()
    assert len(names) > 500
    assert not {one: str(path) for one, path in names.items() if one not in uses}
