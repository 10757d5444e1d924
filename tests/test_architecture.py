"""Who may import whom. Modules are parsed, not imported, except where import itself is the matter."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "rose_mpi"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A room may import those after it in this list, and the plain modules at the package's top.
ROOMS = [
    "cli",
    "program",
    "report",
    "config",
    "mpi",
    "scheduling",
    "learners",
    "execution",
    "store",
    "uq",
    "rl",
    "trackers",
]
# Plain data and small functions at the package's top; rooms know them, they know no room.
PLAIN = {
    "errors.py",
    "events.py",
    "exit_codes.py",
    "iteration.py",
    "layout.py",
    "metrics.py",
    "nearest.py",
    "plan.py",
    "policy.py",
    "buffers.py",
    "ranking.py",
    "schedules.py",
    "tasks.py",
    "telling.py",
}
# Modules at ROSE's paths that only import names from where they live; folders end with a slash.
DOORS = (
    "engine.py",
    "learner.py",
    "tracking.py",
    "al/",
    "integrations/",
    "rl/reinforcement_learner.py",
    "uq/uq_active_learner.py",
    "uq/uq_learner.py",
    "uq/uq_scorer.py",
)
# Libraries with a room of their own; a folder or a module.
HOMES = {
    "mpi4py": ("mpi/", "uq/ensemble.py"),
    "h5py": ("store/", "report/"),
    "numba": ("uq/",),
    "pydantic": ("config/",),
    "click": ("cli/",),
    "rich": ("cli/",),
}
MOST_LINES = 300


def place(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def room(module: Path) -> str:
    """The folder of a module, or "" for those at the package's top."""
    return place(module).partition("/")[0] if module.parent != PACKAGE else ""


def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(), str(module))


def absolute(module: Path, node: ast.ImportFrom) -> str:
    """The full name of what ``from … import`` imports from."""
    if not node.level:
        return node.module or ""
    package = ["rose_mpi", *module.relative_to(PACKAGE).parent.parts]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def imported(module: Path) -> set[str]:
    """Full names of all that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(module, node)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return names


def imported_rooms(module: Path) -> set[str]:
    parts = (name.split(".") for name in imported(module))
    return {name[1] for name in parts if name[0] == "rose_mpi" and len(name) > 1 and name[1] in ROOMS}


def is_door(module: Path) -> bool:
    return place(module).startswith(DOORS)


def door_names() -> set[str]:
    """Full names of the doors, whether they exist or not."""
    return {"rose_mpi." + door.removesuffix(".py").strip("/").replace("/", ".") for door in DOORS}


def is_re_export(statement: ast.stmt) -> bool:
    """Whether it is an import, a docstring or ``__all__``."""
    if isinstance(statement, ast.Assign):
        return [ast.unparse(target) for target in statement.targets] == ["__all__"]
    docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return docstring or isinstance(statement, ast.Import | ast.ImportFrom)


def may_import(importer: str, room_of_imported: str) -> bool:
    if importer == "":
        return False
    return ROOMS.index(room_of_imported) >= ROOMS.index(importer)


def test_every_room_is_known():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert folders <= {*ROOMS, *(door.strip("/") for door in DOORS if door.endswith("/"))}


def test_a_module_at_the_top_is_plain_or_a_door():
    top = {place(module) for module in MODULES if module.parent == PACKAGE and not is_door(module)}
    assert top - PLAIN == {"__init__.py"}


@pytest.mark.parametrize("door", [place(module) for module in MODULES if is_door(module)])
def test_a_door_only_imports(door):
    statements = tree(PACKAGE / door).body
    assert [ast.unparse(statement) for statement in statements if not is_re_export(statement)] == []


def test_no_module_imports_a_door():
    doors = door_names()
    wrong = [
        f"{place(module)} imports {name}"
        for module in MODULES
        for name in sorted(imported(module))
        if any(name == door or name.startswith(f"{door}.") for door in doors)
    ]
    assert wrong == []


def test_imports_go_one_way():
    wrong = [
        f"{place(module)} imports {found}"
        for module in MODULES
        for found in sorted(imported_rooms(module))
        if module != PACKAGE / "__init__.py" and not is_door(module) and not may_import(room(module), found)
    ]
    assert wrong == []


def test_scheduling_knows_no_clock_no_files_and_no_other_room():
    unwanted = {"asyncio", "os", "pathlib", "socket", "subprocess", "threading", "time"}
    for module in MODULES:
        if room(module) == "scheduling":
            assert imported_rooms(module) <= {"scheduling"}, place(module)
            assert not {name.partition(".")[0] for name in imported(module)} & unwanted, place(module)


@pytest.mark.parametrize("library", HOMES)
def test_a_library_stays_in_its_rooms(library):
    users = {
        place(module)
        for module in MODULES
        if library in {name.partition(".")[0] for name in imported(module)}
    }
    assert {user for user in users if not user.startswith(HOMES[library])} == set()


def test_nothing_prints_but_the_command_line():
    prints = [
        f"{place(module)}:{node.lineno}"
        for module in MODULES
        if room(module) != "cli"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert prints == []


def test_modules_can_be_read_in_one_sitting():
    lengths = {place(module): len(module.read_text().splitlines()) for module in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


@pytest.mark.parametrize(
    "name",
    ["rose_mpi", "rose_mpi.uq", "rose_mpi.rl", "rose_mpi.learners", "rose_mpi.tracking", "rose_mpi.cli.main"],
)
def test_import_is_light(name):
    program = f"import sys, {name}; print(*{{'mpi4py', 'numba', 'h5py'}} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr
