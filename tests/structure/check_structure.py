#!/usr/bin/env python3
"""Checks what the compiler does not: the direction of dependencies, file sizes, `#pragma once`,
clang-format, and that every header compiles alone.

  check_structure.py rules               includes, sizes, header guards
  check_structure.py format              clang-format over every C++ source
  check_structure.py headers BUILD_DIR   each header compiles alone, with the build's own flags
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = ["kernels", "runtime", "cluster", "actors"]
MOST_LINES = 350
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
# Quoted and yet not from the tree: read again for each SIMD target.
FOREIGN = re.compile(r"^hwy/")
# A foreign library, and the folders that may know of it.
ONLY_IN = [
    (re.compile(r"^caf/"), re.compile(r"^actors/")),
    (re.compile(r"^ucp/|^ucs/|^uct/"), re.compile(r"^runtime/transport/ucx/")),
    (re.compile(r"^(xgrammar|dlpack)/"), re.compile(r"^runtime/sampling/")),
    (re.compile(r"^sqlite3\.h$"), re.compile(r"^runtime/storage/")),
    (re.compile(r"^(cuda|cublas|nccl|nvtx|cooperative_groups|cub/|cute/|cutlass/|thrust/)"),
     re.compile(r"(^|/)(cuda|nccl)/")),
    (re.compile(r"^(doctest/|tests/)"), re.compile(r"^tests/")),
]


def sources(*suffixes):
    """C++ files of the project's layers and of its tests, relative to the root."""
    for top in [*LAYERS, "tests"]:
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path.relative_to(ROOT)


def needs_cuda(path):
    """Includes CUDA's own headers, which only the suite that compiles for it has."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return any(found.group(1) == "<" and re.match("cuda|cublas|nccl", found.group(2))
               for found in INCLUDE.finditer(text))


def is_repeated(path):
    """Highway's headers: included once for each SIMD target, inside that target's namespace."""
    return path.name.endswith("-inl.hpp")


def check_rules():
    problems = []
    for path in sources(".hpp", ".cpp", ".h", ".cc", ".cu", ".cuh"):
        text = (ROOT / path).read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > MOST_LINES:
            problems.append(f"{path}: {lines} lines, more than {MOST_LINES}: split it")
        if path.suffix == ".hpp" and not is_repeated(path) and "#pragma once" not in text:
            problems.append(f"{path}: no #pragma once")
        layer = path.parts[0]
        for found in INCLUDE.finditer(text):
            line = text.count("\n", 0, found.start(2)) + 1
            quoted, name = found.group(1) == '"', found.group(2)
            where = f"{path}:{line}"
            if quoted and not (ROOT / name).exists() and not FOREIGN.match(name):
                problems.append(f'{where}: "{name}" is not a path from the root of the tree')
            target = name.split("/")[0]
            if layer in LAYERS and target in LAYERS and LAYERS.index(target) > LAYERS.index(layer):
                problems.append(f"{where}: {layer}/ must not include {target}/ ({name})")
            for library, allowed in ONLY_IN:
                # A test mirrors the folder that it tests.
                places = [path.as_posix(), path.as_posix().removeprefix("tests/")]
                if library.match(name) and not any(map(allowed.search, places)):
                    problems.append(f"{where}: {name} may be included only from {allowed.pattern}")
    return problems


def check_format():
    tool = shutil.which("clang-format")
    if tool is None:
        return ["clang-format is missing. Install it: apt-get install clang-format"]
    files = [str(path) for path in sources(".hpp", ".cpp")]
    run = subprocess.run([tool, "--dry-run", "--Werror", *files], cwd=ROOT, text=True,
                         capture_output=True, timeout=300, check=False)
    bad = sorted({line.split(":")[0] for line in run.stderr.splitlines() if "error:" in line})
    return [f"{path}: not formatted; run clang-format -i {path}" for path in bad]


def flags_by_folder(build):
    """Compiler and flags for each source folder, taken from the build's compile commands."""
    flags = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        try:
            source = pathlib.Path(entry["file"]).relative_to(ROOT)
        except ValueError:
            continue
        kept = [w for w in words[1:] if re.match(r"-(I|D|std|W|f|m|pthread)", w)]
        for i, word in enumerate(words[:-1]):
            if word in ("-isystem",):
                kept += [word, words[i + 1]]
        compiler = next((w for w in words if re.search(r"(g\+\+|clang\+\+|c\+\+)[-\d.]*$", w)), None)
        if compiler is None:  # nvcc
            continue
        flags.setdefault(source.parent, (compiler, kept, entry["directory"]))
    return flags


def proven_by_the_build():
    """Headers that some source includes before anything else: compiling it compiles them alone.

    Not so in actors/, where a precompiled header comes before the source's first line."""
    proven = set()
    for path in sources(".cpp"):
        first = INCLUDE.search((ROOT / path).read_text(encoding="utf-8"))
        if first and first.group(1) == '"' and path.parts[:1] != ("actors",):
            proven.add(first.group(2))
    return proven


def check_headers(build):
    flags = flags_by_folder(build)
    any_flags = next(iter(flags.values()))
    proven = proven_by_the_build()

    def compile_one(path, scratch):
        folder = next((f for f in path.parents if f in flags), None)
        compiler, kept, directory = flags[folder] if folder else any_flags
        unit = scratch / (path.as_posix().replace("/", "__") + ".cpp")
        unit.write_text(f'#include "{path.as_posix()}"\n')
        run = subprocess.run([compiler, *kept, f"-I{ROOT}", "-fsyntax-only", str(unit)], text=True,
                             cwd=directory, capture_output=True, timeout=300, check=False)
        if run.returncode == 0:
            return None
        first = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr[:200])
        return f"{path}: does not compile alone: {first}"

    headers = [path for path in sources(".hpp") if path.as_posix() not in proven and not is_repeated(path) and not needs_cuda(path)]
    with tempfile.TemporaryDirectory() as scratch:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = pool.map(lambda p: compile_one(p, pathlib.Path(scratch)), headers)
            return [problem for problem in found if problem]


def main():
    match sys.argv[1:]:
        case ["rules"]:
            problems = check_rules()
        case ["format"]:
            problems = check_format()
        case ["headers", build]:
            problems = check_headers(pathlib.Path(build))
        case _:
            print(__doc__)
            return 2
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
