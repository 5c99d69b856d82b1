"""Who may import whom. Read from the source, nothing is run.

A new room needs a line in the table of its package, after the rooms that it depends on.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import handler.xgraad

PROJECT = Path(__file__).parents[1]

GROUND = {
    "handler.xgraad.errors",
    "handler.xgraad.events",
    "handler.xgraad.frozen",
    "handler.xgraad.options",
    "handler.xgraad.quiet",
    "handler.integrity",
    "handler.refusal",
    "handler.settings",
}
"""Modules in no room: every room of their package may stand on them."""

XGRAAD: dict[str, set[str]] = {
    "words": set(),
    "files": {"words"},
    "model": {"files", "words"},
    "scoring": {"model", "words"},
    "drift": {"model", "scoring", "words"},
    "editing": {"model", "scoring", "words"},
    "verification": {"editing", "model", "scoring", "words"},
    "memory": {"verification", "words"},
    "learned": {"drift", "files", "memory", "model", "scoring", "verification", "words"},
    "multilabel": {"drift", "editing", "files", "learned", "memory", "model", "scoring", "verification", "words"},
    "rules": {"drift", "editing", "learned", "memory", "model", "scoring", "verification", "words"},
}
"""handler/xgraad: each room and the rooms it depends on, all before it. What is in no room may use them all."""

HANDLER: dict[str, set[str]] = {
    "xgraad": set(),
    "wire": {"xgraad"},
    "answers": {"wire", "xgraad"},
    "page": {"answers", "wire", "xgraad"},
    "worker": {"xgraad"},
    "hooks": {"answers", "page", "wire", "worker", "xgraad"},
    "observation": {"answers", "hooks", "xgraad"},
}
"""handler: the same."""

SCRIPTS: dict[str, set[str]] = {
    "console": set(),
    "hub": {"console"},
    "texts": {"console", "hub"},
    "serving": {"console"},
    "packing": {"console", "serving", "texts"},
    "lab.zoo": {"console"},
    "lab.evaluation": {"console", "texts"},
    "results": {"console", "lab.evaluation"},
    "lab.training": {"console", "hub", "lab.evaluation", "texts"},
    "lab.families": {"lab.training"},
    "admission": {"console", "lab.families", "lab.training"},
    "corpus": {"console", "lab.evaluation", "texts"},
    "lab.cost": {"console", "corpus", "results", "serving"},
    "lab.card": {"console", "lab.cost", "lab.training"},
    "lab.attacks": {"console", "hub", "lab.training", "results", "texts"},
    "lab.defenses": {
        "admission",
        "console",
        "hub",
        "lab.evaluation",
        "lab.families",
        "lab.training",
        "results",
        "texts",
    },
    "lab.grid": {"console", "lab.attacks", "lab.defenses", "lab.evaluation", "lab.training", "results", "texts"},
    "tables": {"console", "lab.defenses", "lab.evaluation", "lab.grid", "results"},
    "lab.report": {"lab.defenses", "lab.grid", "results", "tables"},
}
"""scripts: the same. They may use all of the handler, which uses nothing of them."""

PACKAGES = {"handler.xgraad": XGRAAD, "handler": HANDLER, "scripts": SCRIPTS}
ROOMS = [(package, room) for package, rooms in PACKAGES.items() for room in rooms]
MOST_MODULES = 18
"""In one folder; more are a crowd. The commands in scripts/ are addresses and stand side by side."""

OWNERS: dict[str, set[str]] = {
    "ts": set(),
    "pickle": set(),
    "jinja2": {
        "handler/page/environment.py",
        "handler/page/page.py",
        "scripts/console/documents.py",
        "scripts/lab/report/page.py",
    },
    "ray": {"scripts/corpus/pool.py"},
    "sqlite3": {"handler/xgraad/memory/trigger_file.py"},
    "huggingface_hub": {"handler/xgraad/files/configuration.py", "scripts/hub/snapshot.py"},
    "model_signing": {"scripts/packing/signing_library.py"},
    "matplotlib": {
        "scripts/lab/report/ablation_figure.py",
        "scripts/lab/report/above_floor_figure.py",
        "scripts/lab/report/drawing.py",
        "scripts/lab/report/figures.py",
        "scripts/lab/report/first_text_figure.py",
        "scripts/lab/report/growth_figure.py",
        "scripts/lab/report/style.py",
    },
    "subprocess": {
        "scripts/packing/archive.py",
        "scripts/lab/cost/corpus_cost.py",
        "scripts/measure_card.py",
        "scripts/lab/cost/fresh_clone.py",
        "scripts/results/provenance.py",
        "scripts/serving/ray_server.py",
        "scripts/serving/server.py",
    },
}
"""Modules that only these files may import."""

NOT_SERVED = {"matplotlib", "tqdm", "rich", "requests", "grpc", "scripts", "tests", "subprocess", "ts"}
"""What the archive must do without."""


def imports_of(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def imported(path: Path) -> set[str]:
    """Dotted names of everything a file imports; `from a import b` counts as a and a.b."""
    names: set[str] = set()
    for node in imports_of(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            module = node.module or ""
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def rooms_used(path: Path, package: str) -> set[str]:
    """The rooms of `package` that a file imports from."""
    tails = {name.removeprefix(f"{package}.") for name in imported(path) - GROUND if name.startswith(f"{package}.")}
    return {room for room in PACKAGES[package] for tail in tails if f"{tail}.".startswith(f"{room}.")}


def folder_of(package: str, room: str) -> Path:
    return PROJECT / f"{package}.{room}".replace(".", "/")


def sources(*folders: str) -> list[Path]:
    found = sorted(path for folder in folders for path in (PROJECT / folder).rglob("*.py"))
    assert len(found) > 5
    return found


def rooms_of_scripts() -> list[Path]:
    return [path for path in sources("scripts") if path.parent != PROJECT / "scripts"]


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def test_the_reader_sees_imports(tmp_path: Path) -> None:
    """Sanity arm: inside functions, blocks and with other names, too."""
    path = tmp_path / "module.py"
    path.write_text(
        "import a.b as c\nfrom d import e\n"
        "try:\n    from f.g import h\nexcept ImportError:\n    pass\n"
        "def x():\n    import i\n"
    )
    assert imported(path) == {"a.b", "d", "d.e", "f.g", "f.g.h", "i"}


@pytest.mark.parametrize(("package", "table"), PACKAGES.items())
def test_the_table_is_complete_and_ordered(package: str, table: dict[str, set[str]]) -> None:
    folder = PROJECT / package.replace(".", "/")
    found = {".".join(path.parent.relative_to(folder).parts) for path in folder.rglob("*/__init__.py")}
    assert {room for room in found if not any(room.startswith(f"{each}.") for each in table)} - {"lab"} == set(table)
    assert len(table) <= 30
    before: set[str] = set()
    for room, allowed in table.items():
        assert allowed <= before, f"{room} may only depend on what stands before it"
        before.add(room)


@pytest.mark.parametrize(("package", "room"), ROOMS)
def test_a_room_depends_on_named_rooms(package: str, room: str) -> None:
    used = {other for path in folder_of(package, room).rglob("*.py") for other in rooms_used(path, package)}
    assert used - {room} == PACKAGES[package][room]


@pytest.mark.parametrize("module", sorted(GROUND))
def test_what_all_stand_on_stands_on_no_room(module: str) -> None:
    path = PROJECT / f"{module.replace('.', '/')}.py"
    package = module.rpartition(".")[0]
    assert rooms_used(path, package) <= ({"xgraad"} if package == "handler" else set())


@pytest.mark.parametrize("folder", sorted({path.parent for path in sources("handler", "scripts")}), ids=name_of)
def test_a_room_is_no_crowd_and_says_what_belongs_in_it(folder: Path) -> None:
    if folder != PROJECT / "scripts":
        assert len([path for path in folder.glob("*.py") if path.stem != "__init__"]) <= MOST_MODULES
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    assert said
    assert said.split("\n\n")[0].endswith(".")


@pytest.mark.parametrize("path", sources("handler/xgraad"), ids=name_of)
def test_xgraad_knows_nothing_outside_itself(path: Path) -> None:
    ours = {name for name in imported(path) if name.split(".")[0] == "handler"}
    assert all(name.startswith("handler.xgraad") for name in ours)
    assert "handler.xgraad_handler" not in ours


@pytest.mark.parametrize("path", sources("handler"), ids=name_of)
def test_what_is_served_needs_nothing_of_the_scripts(path: Path) -> None:
    assert not roots(path) & NOT_SERVED


@pytest.mark.parametrize("path", sources("handler", "scripts"), ids=name_of)
def test_nothing_imports_the_entry_file(path: Path) -> None:
    assert not [name for name in imported(path) if name.startswith("handler.xgraad_handler")]


@pytest.mark.parametrize("path", sources("handler", "scripts", "tests"), ids=name_of)
def test_imports_are_absolute(path: Path) -> None:
    assert not [node for node in imports_of(path) if isinstance(node, ast.ImportFrom) and node.level]
    assert not [name for name in imported(path) if name.endswith(".*")]


@pytest.mark.parametrize("module", OWNERS)
def test_modules_with_an_owner(module: str) -> None:
    users = {name_of(path) for path in sources("handler", "scripts") if module in roots(path)}
    assert users <= OWNERS[module]


def test_what_is_imported_when_needed_stands_in_commands() -> None:
    """So that their help waits for nothing; elsewhere imports stand at the top, where they can be seen."""
    allowed = {"scripts/serving/client.py"}  # gRPC takes as long to import as all the rest
    for path in rooms_of_scripts():
        functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
        inside = [
            node for each in functions for node in ast.walk(each) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert not inside or name_of(path) in allowed, path


def test_scripts_do_not_import_tests() -> None:
    assert not [path for path in sources("deploy", "scripts") if "tests" in roots(path)]


def test_what_both_servers_share_knows_neither() -> None:
    """The entry of each imports the core, which imports no entry and no server's package."""
    for path in sources("handler", "scripts"):
        own = {"scripts/serve_ray.py"}
        assert name_of(path) in own or "deploy" not in roots(path), path
    for path in sources("handler"):
        assert not roots(path) & {"ts", "ray", "starlette", "deploy"}, path
    assert "handler.defended_model" in imported(PROJECT / "handler" / "xgraad_handler.py")
    assert "handler.defended_model" in imported(PROJECT / "deploy" / "ray" / "replica.py")


def test_no_room_imports_the_commands() -> None:
    commands = {f"scripts.{path.stem}" for path in (PROJECT / "scripts").glob("*.py")} - {"scripts.__init__"}
    for path in rooms_of_scripts():
        assert not imported(path) & commands, path


def test_the_public_names_are_complete_and_sorted() -> None:
    tree = ast.parse((PROJECT / "handler/xgraad/__init__.py").read_text(encoding="utf-8"))
    shown = {
        (alias.name, node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("handler")
        for alias in node.names
    }
    public = handler.xgraad.__all__
    assert set(public) == {name for name, _ in shown}
    for name, module in shown:  # what type checkers are shown is what is imported when asked for
        assert getattr(handler.xgraad, name) is getattr(import_module(str(module)), name)
    with pytest.raises(AttributeError, match="has no attribute 'Attack'"):
        _ = handler.xgraad.Attack  # type: ignore[attr-defined]

    def kind(name: str) -> tuple[int, str]:
        """Constants, then classes, then functions, as ruff sorts them."""
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    assert public == sorted(set(public), key=kind)


def test_a_class_has_a_name_of_its_own() -> None:
    """One name for one thing, whatever the room."""
    places: dict[str, list[str]] = {}
    for path in sources("deploy", "handler", "scripts"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name_of(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_modules_and_functions_are_short() -> None:
    ours = sources("deploy", "handler", "scripts")
    assert [path for path in ours if path.read_text(encoding="utf-8").count("\n") > 250] == []
    lengths = []
    for path in ours:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                has_docstring = ast.get_docstring(node) is not None
                body = node.body[has_docstring:]
                lengths.append(body[-1].end_lineno - body[0].lineno + 2 if body and body[-1].end_lineno else 2)
    assert sorted(lengths)[len(lengths) * 9 // 10] <= 18
