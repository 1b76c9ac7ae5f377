"""Writes the tables and plots of docs/performance.md from docs/data/comparison.json and growth.json.

  tests/bench/document              from the figures that are there
  tests/bench/document --measure    measures first, for less than an hour; nothing else should run
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

from peer import report

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCUMENT = ROOT / "docs" / "performance.md"
DATA = ROOT / "docs" / "data"
IMAGES = ROOT / "docs" / "images"
CAPTIONS = {
    "context": "With the length of the context, one stream, SmolLM2 Q4_1",
    "streams": "With the number of streams that decode at once, 32 tokens of prompt each, SmolLM2 Q4_1",
    "threads": "With the threads, prefill of 512 and decode of one stream, SmolLM2 Q4_1",
    "experts": "With the experts of a tiny `qwen3moe` model of random weights (4 layers, 8 experts chosen "
               "for\neach token, Q4_1), prefill of 512 and decode of one stream: a token's arithmetic stays "
               "the same, but\na prefill's rows spread over more and more experts"}


def with_block(text, name, content):
    """The text with what stands between the marks of that name replaced."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{DOCUMENT.name} has no '{begin}' ... '{end}'")
    return pattern.sub(lambda _: f"{begin}\n{content}{end}", text, count=1)


def plots_block(growth):
    """A caption and a link for each series."""
    parts = []
    for name, series in growth.items():
        lines = [f"{CAPTIONS[name]}:", "", f"![Speed against {name}](images/growth-{name}.png)"]
        if series["disturbance"] > report.DISTURBED:
            lines += ["", report.disturbed(series)]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def measure():
    for script, file in (("compare_llama_cpp", "comparison.json"), ("growth", "growth.json")):
        subprocess.run([ROOT / "tests" / "bench" / script, "--json", DATA / file], check=True)


def write():
    """Leaves out what has not been measured."""
    text = DOCUMENT.read_text(encoding="utf-8")
    if comparison := read("comparison.json"):
        text = with_block(text, "tables", report.to_markdown(comparison))
    if growth := read("growth.json"):
        from peer import plots  # only here: the rest needs no matplotlib
        for name, series in growth.items():
            plots.draw(name, series, IMAGES / f"growth-{name}.png")
        text = with_block(text, "plots", plots_block(growth))
    DOCUMENT.write_text(text, encoding="utf-8")


def read(name):
    file = DATA / name
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def main():
    parser = argparse.ArgumentParser(prog="document", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args()
    try:
        if options.measure:
            DATA.mkdir(parents=True, exist_ok=True)
            measure()
        write()
    except (OSError, ValueError, subprocess.CalledProcessError) as e:
        print(f"document: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
