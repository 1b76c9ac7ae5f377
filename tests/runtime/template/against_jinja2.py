"""Compares troupe's renderings of the committed cases with those of the real jinja2.

usage: against_jinja2.py TEMPLATE_RENDER CASE_FILE...

A case file holds "cases" of a name, a template (a text, or a list of lines) and variables on top of
the file's own "variables"; a case that names "conversations" of the file meets each of them.
Exits with 77 when jinja2 is not installed.
"""

import json
import pathlib
import subprocess
import sys

try:
    import oracle
except ImportError as missing:
    print(f"skipped: {missing}. Install it: apt-get install python3-jinja2")
    sys.exit(77)


def cases(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    shared = content.get("conversations", {})
    for case in content["cases"]:
        source = case["template"]
        if isinstance(source, list):
            source = "\n".join(source)
        extra = {**content.get("variables", {}), **case.get("variables", {})}
        if "conversations" not in case:
            yield f"{path.stem}: {case['name']}", source, extra
            continue
        names = case["conversations"]
        for name in shared if names == "all" else names:
            yield f"{path.stem}: {case['name']} / {name}", source, {**extra, **shared[name]}


def answers(program, asked):
    lines = "".join(
        json.dumps({"template": source, "variables": variables}, ensure_ascii=False) + "\n"
        for _, source, variables in asked
    )
    done = subprocess.run(
        [program], input=lines, capture_output=True, encoding="utf-8", timeout=120, check=True
    )
    return [json.loads(line) for line in done.stdout.removesuffix("\n").split("\n")]


def main():
    program, *paths = sys.argv[1:]
    asked = [case for path in paths for case in cases(pathlib.Path(path))]
    differing = 0
    failing = 0
    for (name, source, variables), ours in zip(asked, answers(program, asked), strict=True):
        expected = oracle.render(source, variables)
        if ("error" in ours) == ("error" in expected) and ours.get("output") == expected.get("output"):
            failing += "error" in ours
            continue
        differing += 1
        print(f"--- {name}\n  jinja2: {expected}\n  troupe: {ours}")
    print(f"{len(asked)} cases, {failing} of them errors in both, {differing} differ")
    return 1 if differing or not asked else 0


if __name__ == "__main__":
    sys.exit(main())
