"""What the whole repository promises, checked on the whole repository."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "imvume"
MODULES = sorted(SOURCE.rglob("*.py"))


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("this is not a clone")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def _describe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("describe", ROOT / "tools" / "describe.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["describe"] = module
    spec.loader.exec_module(module)
    return module


def _strings(path: Path) -> list[tuple[int, str]]:
    """Every string that a program text uses: docstrings are not among them."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def test_imports_point_down_only() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


SQL = re.compile(
    r"^\s*(SELECT\s.+\sFROM\s|SELECT\s+(set_config|pg_|count\()|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s"
    r"|CREATE\s+(TABLE|ROLE|DATABASE|INDEX|FUNCTION)|ALTER\s+TABLE|GRANT\s|COPY\s.+\s(FROM|TO)\s)",
    re.DOTALL,
)
# Not our database: a telephone system's own, whose tables and names differ from house to house.
FOREIGN = {SOURCE / "telephony" / "importers"}
# The door to PostgreSQL itself sets its sessions up.
DOOR = {SOURCE / "store" / "database.py"}


def test_sql_stands_in_queries_and_migrations_alone() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in MODULES
        if path not in DOOR and not FOREIGN & set(path.parents)
        for line, text in _strings(path)
        if SQL.match(text)
    ]
    assert found == []


def test_each_query_has_a_name_of_its_own_and_a_sentence() -> None:
    for path in sorted(SOURCE.rglob("queries.sql")):
        lines = path.read_text("utf-8").splitlines()
        names = [line for line in lines if re.fullmatch(r"-- \S+ --", line)]
        assert len(names) == len(set(names)), path
        for at, line in enumerate(lines):
            if line in names:
                assert re.match(r"-- \S.*", lines[at + 1]), f"{path.relative_to(ROOT)}: {line} says nothing"


def test_each_query_that_is_asked_for_is_there_and_each_that_is_there_is_asked_for() -> None:
    there = {
        f"{path.parent.name}.{line[3:-3]}"
        for path in SOURCE.glob("*/queries.sql")
        for line in path.read_text("utf-8").splitlines()
        if re.fullmatch(r"-- \S+ --", line)
    }
    tests = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/**/*.py")]
    asked = {text for path in [*MODULES, *tests] for _, text in _strings(path)}
    rooms = {name.partition(".")[0] for name in there}
    called = {
        node.args[0].value
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("all", "one", "only", "run", "many", "stream")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and node.args[0].value.partition(".")[0] in rooms
    }
    assert called - there == set()
    assert there - asked == set()


def test_only_the_clock_reads_the_clock() -> None:
    reads = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today)\(")
    found = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if path != SOURCE / "basics" / "clock.py" and reads.search(path.read_text("utf-8"))
    ]
    assert found == []


def test_every_code_stands_on_the_page_of_errors_and_every_setting_on_its_own() -> None:
    describe = _describe()
    for name, text in describe.pages().items():
        page = ROOT / "docs" / "reference" / name
        assert page.exists(), f"run `make docs`: {name} is missing"
        assert page.read_text("utf-8") == text, f"run `make docs`: {name} is not as the source has it"


def test_a_code_always_means_the_same_class_of_error() -> None:
    kinds: dict[str, set[str]] = {}
    for one in _describe().told():
        if one.kind:
            kinds.setdefault(one.code, set()).add(one.kind)
    assert {code: sorted(names) for code, names in kinds.items() if len(names) > 1} == {}


def test_every_error_says_what_to_do_in_a_sentence() -> None:
    for one in _describe().told():
        if one.kind:
            for sentence in (one.what, one.remedy):
                assert sentence.rstrip().endswith((".", "…", "!", "?")), f"{one.code}: {sentence!r}"


MACHINE = re.compile(
    rb"(?:/work/(?:main|shared)\b|/root/|/tmp/w/|/opt/(?:pypi|wheels)"  # where this was written
    rb"|(?:https?://|//)[\w.-]*(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org)"
    rb"|--(?:extra-)?index-url\s+\S+|--find-links\s+\S+)"
)


def test_no_package_index_and_no_path_of_a_machine_is_written_down() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0].decode('utf-8', 'replace')}"
        for path in _tracked()
        if path != Path(__file__).resolve()
        for match in [MACHINE.search(path.read_bytes())]
        if match
    ]
    assert found == []


def test_the_locks_hold_a_hash_for_every_package_and_the_same_versions() -> None:
    pinned: dict[str, dict[str, str]] = {}
    for name in ("requirements.lock", "requirements-test.lock"):
        blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text("utf-8").strip())
        for block in blocks:
            assert "--hash=sha256:" in block, f"{name}: {block.splitlines()[0]}"
            requirement, _, marker = block.splitlines()[0].rstrip(" \\").partition(" ; ")
            package, version = requirement.split("==")
            pinned.setdefault(name, {})[f"{package} {marker}"] = version
    run, test = pinned["requirements.lock"], pinned["requirements-test.lock"]
    assert {package: version for package, version in run.items() if test.get(package) != version} == {}


def test_every_dependency_earns_its_place_in_a_sentence() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = re.findall(r'^    "[\w\[\],.>=<-]+",(.*)$', text.partition("[project.scripts]")[0], re.MULTILINE)
    assert listed
    assert all(re.match(r"\s+# \S", sentence) for sentence in listed)


def test_no_test_is_timed_and_none_sleeps_to_be_right() -> None:
    # A limit on time belongs to the bench; here a slow machine must not turn red.
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Assert) and re.search(r"\b(took|elapsed|seconds_taken)\b", ast.unparse(node.test))
    ]
    assert found == []
