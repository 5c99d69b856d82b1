"""Who may import whom. Read from the source, nothing is run.

A new module needs a line in the table of its package, after the modules that it imports.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import handler.xgraad

PROJECT = Path(__file__).parents[1]

XGRAAD: dict[str, set[str]] = {
    "errors": set(),
    "events": set(),
    "text": {"errors"},
    "architectures": set(),
    "attribution": set(),
    "conformal": set(),
    "prediction": set(),
    "array_json": set(),
    "strict_json": set(),
    "encoding": {"text"},
    "attention_ways": {"attribution"},
    "first_token": {"architectures"},
    "attention_capture": {"architectures", "attention_ways", "attribution", "first_token"},
    "microbatch": {"encoding"},
    "neutralizer": {"encoding", "text"},
    "registry": {"text"},
    "trigger_file": {"errors", "registry"},
    "sqlite_registry": {"errors", "events", "registry", "text", "trigger_file"},
    "options": {"errors"},
    "precision": set(),
    "dtypes": {"precision"},
    "lfs_pointer": {"errors"},
    "json_object": {"errors", "lfs_pointer"},
    "pickles": set(),
    "pickle_refusal": {"errors", "lfs_pointer", "pickles"},
    "value_rule": set(),
    "labels": {"errors", "value_rule"},
    "text_pairs": set(),
    "quiet": set(),
    "configuration": {"architectures", "errors", "json_object", "labels", "quiet", "value_rule"},
    "plain_model": {"errors", "quiet"},
    "weight_files": {"errors", "json_object", "pickle_refusal"},
    "weights_check": {"errors", "weight_files"},
    "tokenizer_texts": set(),
    "encode_texts": {"errors"},
    "tokenizer_check": {"architectures", "configuration", "encode_texts", "errors", "tokenizer_texts"},
    "shipped_tokenizer": {"encode_texts", "errors", "tokenizer_texts"},
    "fingerprint": {"architectures", "errors", "precision", "weight_files"},
    "checkpoint": {
        "architectures",
        "attention_capture",
        "configuration",
        "errors",
        "fingerprint",
        "json_object",
        "lfs_pointer",
        "plain_model",
        "precision",
        "quiet",
        "shipped_tokenizer",
        "tokenizer_check",
        "weight_files",
        "weights_check",
    },
    "self_test": {"architectures", "encoding", "errors"},
    "audit": {"errors", "fingerprint", "registry", "strict_json", "text"},
    "classifier": {
        "architectures",
        "attention_capture",
        "attribution",
        "checkpoint",
        "dtypes",
        "encoding",
        "errors",
        "first_token",
        "microbatch",
        "precision",
        "self_test",
    },
    "word_set": set(),
    "scorer": {"attribution", "classifier", "encoding", "prediction", "text"},
    "verdict": {"prediction", "scorer"},
    "gate": {"array_json", "classifier", "conformal", "encoding", "prediction"},
    "candidates": {"scorer", "text"},
    "edit": {"neutralizer", "scorer", "text", "verdict"},
    "probes": {"encoding", "text"},
    "carrying": {"encoding", "errors", "text"},
    "calibration_check": {"carrying", "classifier", "errors", "gate", "probes"},
    "transplant": {"classifier", "encoding", "prediction", "probes"},
    "label_evidence": {"word_set"},
    "reference": {"label_evidence", "text", "transplant"},
    "evidence": {"text"},
    "screen": {"classifier", "encoding", "prediction", "probes", "text"},
    "thresholds": {"conformal", "scorer"},
    "bundles": {"text"},
    "suspect": {"bundles", "evidence", "probes", "reference", "scorer", "text", "transplant"},
    "pruning": {"suspect", "transplant"},
    "set_test": {"bundles", "evidence", "pruning", "reference", "scorer", "suspect", "text", "transplant"},
    "verification": {
        "candidates",
        "evidence",
        "prediction",
        "probes",
        "reference",
        "scorer",
        "set_test",
        "suspect",
        "text",
        "transplant",
    },
    "trusted_model": {"calibration_check", "checkpoint", "classifier", "errors", "fingerprint", "probes", "transplant"},
    "calibration": {
        "calibration_check",
        "checkpoint",
        "classifier",
        "errors",
        "evidence",
        "fingerprint",
        "gate",
        "label_evidence",
        "probes",
        "strict_json",
        "thresholds",
        "transplant",
        "trusted_model",
        "word_set",
    },
    "calibrator": {
        "calibration",
        "carrying",
        "classifier",
        "conformal",
        "encoding",
        "errors",
        "evidence",
        "fingerprint",
        "gate",
        "label_evidence",
        "options",
        "probes",
        "reference",
        "scorer",
        "screen",
        "text",
        "thresholds",
        "transplant",
        "trusted_model",
        "verification",
        "word_set",
    },
    "threshold_rule": {"classifier", "edit", "encoding", "neutralizer", "prediction", "scorer", "verdict"},
    "phrase": {"bundles", "edit", "probes", "reference", "scorer", "text", "transplant"},
    "examination": {
        "classifier",
        "edit",
        "encoding",
        "neutralizer",
        "phrase",
        "prediction",
        "registry",
        "scorer",
        "text",
        "verification",
    },
    "verified_rule": {
        "calibration",
        "candidates",
        "classifier",
        "conformal",
        "encoding",
        "evidence",
        "examination",
        "gate",
        "neutralizer",
        "options",
        "phrase",
        "prediction",
        "reference",
        "registry",
        "scorer",
        "screen",
        "text",
        "transplant",
        "verdict",
        "verification",
    },
    "forgetting": {"events", "probes", "reference", "registry", "transplant"},
    "defense": {
        "audit",
        "calibration",
        "classifier",
        "encoding",
        "fingerprint",
        "forgetting",
        "neutralizer",
        "options",
        "reference",
        "registry",
        "threshold_rule",
        "trusted_model",
        "verdict",
        "verified_rule",
    },
}
"""handler/xgraad: each module and the siblings it may import, which all stand before it."""

HANDLER: dict[str, set[str]] = {
    "integrity": set(),
    "xgraad": set(),
    "hidden": set(),
    "shading": set(),
    "reading": {"xgraad"},
    "settings": {"xgraad"},
    "threads": set(),
    "device_loss": {"xgraad"},
    "refusal": set(),
    "charset": {"refusal"},
    "coding": {"refusal", "settings"},
    "framing": {"charset", "coding", "refusal", "settings"},
    "binary": {"refusal"},
    "fields": {"binary", "charset", "framing", "refusal"},
    "tensors": {"binary", "framing", "refusal", "xgraad"},
    "request": {"binary", "charset", "fields", "framing", "refusal", "settings", "tensors", "xgraad"},
    "registry_file": {"settings", "xgraad"},
    "describe": {"settings", "xgraad"},
    "policy": {"refusal", "settings", "xgraad"},
    "document": {"policy", "refusal", "settings", "xgraad"},
    "reply": {"document", "framing", "policy", "refusal", "request", "settings", "tensors"},
    "visit": {"charset", "fields", "framing", "request", "settings"},
    "exchange": {"policy", "refusal", "reply", "request", "visit", "xgraad"},
    "stopwatch": set(),
    "spare_memory": set(),
    "metrics": {"exchange", "policy", "xgraad"},
    "request_log": {"exchange", "policy", "refusal", "xgraad"},
    "wall": {"device_loss", "exchange", "xgraad"},
    "preparing": {"exchange", "refusal", "request", "settings", "stopwatch", "visit", "wall", "xgraad"},
    "judging": {"exchange", "policy", "settings", "stopwatch", "wall", "xgraad"},
    "page": {"document", "reading", "hidden", "settings", "shading"},
    "replying": {"exchange", "page", "policy", "reply", "settings", "stopwatch", "visit", "wall"},
    "xgraad_handler": {
        "describe",
        "device_loss",
        "exchange",
        "integrity",
        "judging",
        "metrics",
        "preparing",
        "registry_file",
        "reply",
        "replying",
        "request_log",
        "settings",
        "spare_memory",
        "stopwatch",
        "threads",
        "xgraad",
    },
}
"""handler: the same, with the folder xgraad as one."""

OWNERS: dict[str, set[str]] = {
    "ts": set(),
    "pickle": set(),
    "jinja2": {"handler/page.py", "scripts/lab/report/page.py"},
    "sqlite3": {"handler/xgraad/trigger_file.py"},
    "matplotlib": {
        "scripts/lab/report/ablation_figure.py",
        "scripts/lab/report/drawing.py",
        "scripts/lab/report/figures.py",
        "scripts/lab/report/first_text_figure.py",
        "scripts/lab/report/growth_figure.py",
        "scripts/lab/report/style.py",
    },
    "subprocess": {
        "scripts/lab/archive.py",
        "scripts/lab/fresh_clone.py",
        "scripts/lab/provenance.py",
        "scripts/lab/server.py",
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


def siblings(path: Path, package: str, table: dict[str, set[str]]) -> set[str]:
    """The modules of `package` that a file imports."""
    prefix = f"{package}."
    tails = {name.removeprefix(prefix).split(".")[0] for name in imported(path) if name.startswith(prefix)}
    return tails & set(table)


def sources(*folders: str) -> list[Path]:
    found = sorted(path for folder in folders for path in (PROJECT / folder).rglob("*.py"))
    assert len(found) > 5
    return found


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


@pytest.mark.parametrize(("package", "table"), [("handler.xgraad", XGRAAD), ("handler", HANDLER)])
def test_the_table_is_complete_and_ordered(package: str, table: dict[str, set[str]]) -> None:
    folder = PROJECT / package.replace(".", "/")
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert modules - {"__init__"} == set(table)
    before: set[str] = set()
    for module, allowed in table.items():
        assert allowed <= before, f"{module} may only import what stands before it"
        before.add(module)


@pytest.mark.parametrize("module", XGRAAD)
def test_imports_inside_xgraad(module: str) -> None:
    assert siblings(PROJECT / f"handler/xgraad/{module}.py", "handler.xgraad", XGRAAD) <= XGRAAD[module]


@pytest.mark.parametrize("module", sorted(set(HANDLER) - {"xgraad"}))
def test_imports_inside_handler(module: str) -> None:
    assert siblings(PROJECT / f"handler/{module}.py", "handler", HANDLER) <= HANDLER[module]


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
    allowed = {"scripts/lab/client.py"}  # gRPC takes as long to import as all the rest
    for path in sources("scripts/lab"):
        functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
        inside = [
            node for each in functions for node in ast.walk(each) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert not inside or name_of(path) in allowed, path


def test_scripts_do_not_import_tests() -> None:
    assert not [path for path in sources("scripts") if "tests" in roots(path)]


def test_the_lab_does_not_import_the_commands() -> None:
    commands = {f"scripts.{path.stem}" for path in (PROJECT / "scripts").glob("*.py")} - {"scripts.__init__"}
    for path in sources("scripts/lab"):
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
