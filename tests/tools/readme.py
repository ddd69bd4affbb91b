"""Fills the README's figures in from model/measurements.json and BENCHMARKS.md.

python -m tests.tools.readme
"""

import json
import re
from pathlib import Path

from durian.training.card import span
from tests.running import ROOT

README = ROOT / "README.md"
SPEED = {  # the row in BENCHMARKS.md: what the README calls it
    "1 client, a request": "one request, against a minimal Gradio `Interface`",
    "8 clients, requests a second": "requests a second, eight clients",
    "start to first answer, against `import tensorflow, gradio`": (
        "start to first answer, against importing TensorFlow and Gradio"
    ),
    "resident memory, after load": "memory after load",
}


def render(readme: str) -> str:
    """Return the README with its marked parts rewritten."""
    measurements = json.loads((ROOT / "model/measurements.json").read_text(encoding="utf-8"))
    figures = measurements["measured"]
    benchmarks = (Path(__file__).parent / "BENCHMARKS.md").read_text(encoding="utf-8")
    for name, text in (
        ("accuracy", _accuracy(figures)),
        ("figures", f"\n{_figures(figures)}\n"),
        ("speed", f"\n{_speed(benchmarks)}\n"),
    ):
        marked = rf"(<!-- {name} -->).*?(<!-- end -->)"
        readme = re.sub(
            marked, lambda part, text=text: part[1] + text + part[2], readme, flags=re.S
        )
    return readme


def _accuracy(figures: dict) -> str:
    """Return the first paragraph's sentence."""
    studio, wild = figures["test"]["studio"], figures["test"]["wild"]
    return (
        f"Of fruits that it never saw in training it names {studio['accuracy']['value']:.0%}\n"
        f"rightly in the studio ({studio['photographs']} photographs) and"
        f" {wild['accuracy']['value']:.0%} in the wild ({wild['photographs']})."
    )


def _figures(figures: dict) -> str:
    """Return the table of what it gets right and what not."""
    test, folds, unknowns = (figures[key] for key in ("test", "cross_validation", "open_set"))
    five = folds["five classes"]
    rows = [
        ("named rightly: whole fruit in the studio", test["studio"], test["studio"]["accuracy"]),
        ("named rightly: anything in the wild", test["wild"], test["wild"]["accuracy"]),
        ("named rightly: the same in five folds", five, five["accuracy"]),
    ]
    lines = [f"| {name} | {part['photographs']} | {span(right)} |" for name, part, right in rows]
    phoenix = five["recall"]["golden-phoenix"], five["count"]["golden-phoenix"]
    lines.append(
        f"| named rightly: Golden Phoenix, in five folds | {phoenix[1]} | {span(phoenix[0])} |"
    )
    for title, row in (
        ("other breeds, five folds", unknowns["other breeds, five folds"]),
        ("objects, people, anything", unknowns["objects, people, anything"]),
    ):
        named = row["named_a_breed"]
        refused = {"value": 1 - named["value"], "low": 1 - named["high"], "high": 1 - named["low"]}
        lines.append(f"| refused: {title} | {row['unknown']} | {span(refused)} |")
    claims = figures["claims"]["test"]
    told = "surely called Mao Shan Wang: other breeds, in the wild"
    lines.append(f"| {told} | {claims['others']} | {span(claims['others_claimed'])} |")
    return "\n".join(["| | photographs | share |", "|---|---|---|", *lines])


def _speed(benchmarks: str) -> str:
    """Return the README's rows of the table of benchmarks, without quartiles."""
    rows = [line.strip("| ").split(" | ") for line in benchmarks.splitlines() if "|" in line]
    found = {name: cells for name, *cells in rows if name in SPEED}
    lines = ["| | ours | peer | ratio |", "|---|---|---|---|"]
    for name, title in SPEED.items():
        ours, peer, ratio = (re.sub(r" +\(.*?\)", "", cell) for cell in found[name])
        lines.append(f"| {title} | {ours} | {peer} | {ratio} |")
    return "\n".join(lines)


if __name__ == "__main__":
    README.write_text(render(README.read_text(encoding="utf-8")), encoding="utf-8")
