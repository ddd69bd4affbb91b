"""What the documents tell people to type, so that tests can do just that."""

import re

from .running import ROOT

DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / ".github").glob("*.md")))


def readme_block(language: str, containing: str) -> str:
    """Return the documents' only block in `language` that contains a text, word for word."""
    blocks = [
        block
        for document in DOCUMENTS
        for block in re.findall(
            rf"^```{language}\n(.*?)^```$",
            document.read_text(encoding="utf-8"),
            re.MULTILINE | re.DOTALL,
        )
    ]
    (block,) = (block for block in blocks if containing in block)
    return block
