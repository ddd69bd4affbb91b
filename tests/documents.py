"""What the documents tell people to type, so that tests can do just that."""

import re

from .running import ROOT


def readme_block(language: str, containing: str) -> str:
    """Return the README's only fenced block in `language` that contains a text, word for word."""
    blocks = re.findall(
        rf"^```{language}\n(.*?)^```$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    (block,) = (block for block in blocks if containing in block)
    return block
