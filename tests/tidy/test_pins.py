"""Is everything that is installed named with its version and its hashes, and nothing with an address?"""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
NAMES = ("run", "dev", "pins", "sdks")


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(name: str) -> dict[str, str]:
    """Return what a .in file names: version by package."""
    lines = (REQUIREMENTS / f"{name}.in").read_text().splitlines()
    pairs = [line.partition("==") for line in lines if line and not line.startswith(("#", "-r "))]
    return {normalised(package): version for package, _, version in pairs}


def pinned(name: str) -> dict[str, tuple[str, int]]:
    """Return what a .txt file pins: version and number of hashes by package."""
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    blocks = re.findall(
        r"^([\w.\-\[\]]+)==([^\s;]+)((?:.*\\\n)(?:\s+--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE
    )
    return {normalised(package): (version, block.count("--hash=sha256:")) for package, version, block in blocks}


def test_every_package_is_pinned_with_its_hashes() -> None:
    for name in NAMES:
        lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
        packages = [line for line in lines if line and not line.startswith((" ", "#"))]
        assert len(pinned(name)) == len(packages), f"requirements/{name}.txt: a package without hashes; make pins"


def test_the_pins_are_of_what_is_asked_for() -> None:
    for name in NAMES:
        for package, version in wanted(name).items():
            assert version, f"requirements/{name}.in: {package} without a version"
            assert pinned(name).get(package, ("",))[0] == version, f"requirements/{name}.txt: {package}; make pins"


def test_what_runs_is_pinned_alike_wherever_it_is_installed() -> None:
    dev = pinned("dev")
    assert {package: dev.get(package) for package in pinned("run")} == pinned("run")


def test_every_dependency_of_the_package_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    for dependency in [*project["dependencies"], *extras]:
        assert normalised(re.split(r"[<>=!~\[ ]", dependency)[0]) in wanted("run"), f"{dependency}: requirements/run.in"


def test_no_address_is_recorded() -> None:
    for file in REQUIREMENTS.iterdir():
        assert "://" not in file.read_text(), f"{file.name}: an address"
    assert not list((ROOT / "tests" / "acceptance" / "node").glob("*lock*.json"))


def test_setup_installs_nothing_that_has_no_hash() -> None:
    for line in re.findall(r"^\t.*pip install.*", (ROOT / "Makefile").read_text(), re.MULTILINE):
        alone = "--no-deps" in line and "--no-build-isolation" in line
        assert "--require-hashes" in line or alone, line


def test_the_npm_packages_of_the_tests_have_exact_versions() -> None:
    package = json.loads((ROOT / "tests" / "acceptance" / "node" / "package.json").read_text())
    for name, version in package["dependencies"].items():
        assert re.fullmatch(r"(?:npm:@[\w-]+/[\w-]+@)?\d+\.\d+\.\d+", version), f"{name}: {version}"
