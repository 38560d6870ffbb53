"""What `make` and `pip install` rely on: lock files, the Makefile, the wheel, the entry points."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["uv"]["build-backend"]["module-name"]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def locked(name: str) -> dict[str, Requirement]:
    """The requirements of a lock file by name."""
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    found = [Requirement(line) for line in lines if line]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_pins_every_version_and_names_no_index(name: str) -> None:
    text = (ROOT / name).read_text()

    assert "://" not in text
    assert not re.search(r"^\s*-", text, re.MULTILINE), "an option, not a package"
    for requirement in locked(name).values():
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier)), requirement


def test_the_lock_file_holds_what_the_project_asks_for() -> None:
    pins = locked("requirements.lock")

    for line in PROJECT["project"]["dependencies"]:
        wanted = Requirement(line)
        pin = pins[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(str(pin.specifier).removeprefix("==")), line


def test_development_adds_to_the_runtime_and_changes_nothing_of_it() -> None:
    runtime, development = (locked(name) for name in LOCKS)

    assert {name: str(development[name]) for name in runtime} == {
        name: str(pin) for name, pin in runtime.items()
    }
    for line in PROJECT["dependency-groups"]["dev"]:
        assert canonicalize_name(Requirement(line).name) in development


def test_every_package_of_ours_is_in_the_wheel() -> None:
    ours = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))

    assert sorted(PACKAGES) == ours
    assert sorted(PROJECT["tool"]["mypy"]["packages"]) == ours
    assert sorted(PROJECT["tool"]["importlinter"]["root_packages"]) == ours


def test_no_module_of_ours_hides_a_top_level_one() -> None:
    for path in ROOT.glob("*/*.py"):
        if path.parent.name in PACKAGES:
            assert path.stem not in PACKAGES, path


@pytest.mark.parametrize("name", sorted(PROJECT["project"]["scripts"]))
def test_a_console_script_leads_to_a_function(name: str) -> None:
    module, _, function = PROJECT["project"]["scripts"][name].partition(":")

    assert callable(getattr(import_module(module), function))


def test_ci_runs_what_a_person_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert re.search(r"^make test$", ci, re.MULTILINE)
    assert re.search(r"^make lint$", ci, re.MULTILINE)
    assert {line.split("\t")[0] for line in listed.stdout.splitlines()} >= {"demo", "test", "lint"}


def test_nothing_in_the_project_names_a_package_index_or_a_home() -> None:
    forbidden = re.compile(r"https?://[\w.-]*(pypi|pythonhosted|artifactory|nexus)|/(?:root|home)/")
    folders = [*PACKAGES, "benchmarks", "deployments", "docs", "tests", ".ci"]
    kinds = {".py", ".md", ".toml", ".lock", ".yaml", ".j2", ""}
    files = [
        ROOT / "Makefile",
        *ROOT.glob("*.*"),
        *(p for f in folders for p in (ROOT / f).rglob("*")),
    ]
    texts = [path for path in files if path.is_file() and path.suffix in kinds]

    found = [
        str(path.relative_to(ROOT))
        for path in texts
        if path != Path(__file__) and forbidden.search(path.read_text(errors="replace"))
    ]

    assert len(texts) > 100
    assert found == []


@pytest.mark.slow
def test_the_wheel_holds_the_packages_their_data_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    done = subprocess.run([*build, str(ROOT)], capture_output=True, text=True, timeout=300)
    if "No matching distribution found for uv" in done.stderr:
        pytest.skip("no package index to fetch the build backend from")
    assert done.returncode == 0, done.stderr

    (wheel,) = tmp_path.glob("docmill-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == set(PACKAGES)
    assert names >= {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"llms/data/catalog.csv", "tasks/templates/report.html.j2"} <= names
