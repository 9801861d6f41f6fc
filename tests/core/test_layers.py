"""The package's layers: which folder may import which, and no circle between files."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from cefr_helpers.core.paths import project_root

PACKAGE = project_root() / "cefr_helpers"
# Folder -> what it may import besides itself and core; the top of the package, "", may import all.
MAY_IMPORT = {
    "core": "",
    "text": "",
    "models": "",
    "rendering": "",
    "data": "text",
    "training": "text models data",
    "evaluation": "text data models",
    "pipeline": "data models training",
    "notes": "rendering evaluation",
    "experiments": "data pipeline rendering evaluation training",
    "bank_making": "text models data evaluation",
    "writing": "text models data evaluation bank_making rating",
    "playground": "text data models evaluation writing",
    "sharing": "notes models data rendering",
    "rating": "rendering evaluation bank_making",
    "site": "notes rendering",
}
MAY_IMPORT["commands"] = " ".join(MAY_IMPORT)


def imports(module: Path) -> set[Path]:
    """The package's modules that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)] if _is_from(node) else []
        names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
        found |= {
            PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py") for name in names if "cefr_helpers." in name
        }
    return {path for path in found if path.is_file()}


def _is_from(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cefr_helpers")


def graph() -> dict[Path, set[Path]]:
    return {module: imports(module) for module in PACKAGE.rglob("*.py")}


def test_folders_import_only_those_that_they_may():
    wrong, arrows = [], set()
    for module, used in graph().items():
        folder = module.relative_to(PACKAGE).parts[0] if module.parent != PACKAGE else ""
        for other in (path.relative_to(PACKAGE).parts[0] for path in used if path.parent != PACKAGE):
            arrows.add((folder, other))
            if folder and other not in (folder, "core", *MAY_IMPORT[folder].split()):
                wrong.append(f"{module.relative_to(PACKAGE)} imports {other}")
    assert not wrong
    assert len(arrows) > 40 and {folder for folder, _ in arrows} == {"", *MAY_IMPORT}


def test_no_files_import_one_another_in_a_circle():
    order = list(TopologicalSorter(graph()).static_order())  # raises CycleError
    assert len(order) > 80


def test_what_makes_a_folder_imports_nothing():
    for path in PACKAGE.rglob("__init__.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))], path
