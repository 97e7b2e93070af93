"""The shape of the repository: where things live, how large they grow, what must never be in it."""

from __future__ import annotations

import ast
import importlib
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("models", "ingest", "recognition", "storage", "supervision_api")
MAX_MODULE_LINES = 350
MAX_FUNCTION_LINES = 60
MAX_FILE_BYTES = 1_000_000


@cache
def tracked() -> tuple[str, ...]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file())


def sources() -> list[Path]:
    return [ROOT / n for n in tracked() if n.endswith(".py") and n.split("/")[0] in PACKAGES]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_loads_from_this_repository(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().parent == ROOT / package


def test_no_module_outgrows_its_room() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in sources()
        if (n := p.read_text().count("\n")) > MAX_MODULE_LINES and "migrations/versions" not in str(p)
    }
    assert not long, f"split by meaning: {long}"


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        first = node.body[0]
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def test_no_function_is_longer_than_a_page() -> None:
    long = []
    for path in sources():
        if "migrations/versions" in str(path):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = function_lines(node)
                if lines > MAX_FUNCTION_LINES:
                    long.append(f"{path.relative_to(ROOT)}:{node.name} ({lines})")
    assert not long


def test_only_settings_reads_the_environment() -> None:
    readers = [
        str(p.relative_to(ROOT))
        for p in sources()
        if p.name != "settings.py" and ("os.environ" in p.read_text() or "getenv" in p.read_text())
    ]
    assert readers == []


def test_only_the_unit_of_work_commits() -> None:
    committing = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "commit"
                and path.name != "unit_of_work.py"
            ):
                committing.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert committing == []


CATCHES_ALL = {"supervision_api/pipeline/watched_thread.py"}
"""A supervisor of parts outlives every defect of theirs, and tells, counts and restarts it."""


def test_nothing_is_caught_blindly_or_left_undone() -> None:
    wrong = []
    for path in sources():
        text = path.read_text()
        wrong += [
            f"{path.relative_to(ROOT)}: {w}" for w in ("TODO", "FIXME", "NotImplementedError") if w in text
        ]
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception")
            ):
                if str(path.relative_to(ROOT)) in CATCHES_ALL:
                    continue
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} catches everything")
    assert wrong == []


def test_the_repository_holds_no_large_file_and_no_weights() -> None:
    large = [n for n in tracked() if (ROOT / n).stat().st_size > MAX_FILE_BYTES]
    weights = [n for n in tracked() if n.endswith((".onnx", ".dat", ".pt", ".tflite", ".pgm"))]
    assert large == []
    assert weights == []


def test_no_package_index_address_is_committed() -> None:
    # spelled in pieces so that this file does not find itself
    hosts = ["files." + "pythonhosted", "pypi." + "org/simple", "registry." + "npmjs", "deb." + "debian"]
    named = [
        name for name in tracked() if any(host in (ROOT / name).read_text(errors="ignore") for host in hosts)
    ]
    assert named == []
