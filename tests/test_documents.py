"""The README and what it links to say what was measured, and lead somewhere."""

import re
from pathlib import Path

import pytest

from .documents import DOCUMENTS
from .running import ROOT
from .tools import readme


def test_the_readme_has_the_figures_that_were_measured():
    written = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.render(written) == written, "run python -m tests.tools.readme"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one(document: Path):
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", text)
    for link in (found for pair in links for found in pair if found):
        if not link.startswith("http"):
            assert (document.parent / link).exists(), link
