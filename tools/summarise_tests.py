#!/usr/bin/env python3
"""Adds up the test results in a folder: how each failure ended, one line a suite, the failures, then
"N passed, N failed".

Reads CTest's JUnit files (SUITE.xml) and SUITE.failed notes of steps that failed before any test
could run. A doctest or pytest program counts as the cases it reports, anything else as one.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as xml

DOCTEST = re.compile(r"\[doctest\] test cases:\s+\d+ \|\s+(\d+) passed \|\s+(\d+) failed")
PYTEST = re.compile(r"^(?:=+ )?(\d+ (?:passed|failed|errors?|skipped)\b.*) in [\d.]+s.*$", re.MULTILINE)
LAST_LINES = 40
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def cases_in(output):
    """(passed, failed) as the program itself reports, or None."""
    output = COLOUR.sub("", output)
    if found := DOCTEST.findall(output):
        return sum(int(p) for p, _ in found), sum(int(f) for _, f in found)
    if found := PYTEST.findall(output):
        count = lambda word: sum(int(n) for n in re.findall(rf"(\d+) {word}", found[-1]))
        return count("passed"), count("failed") + count("errors?")
    return None


def show_end(name, output):
    """Why a test failed stands near the end of what it said."""
    print(f"---- {name} ended with")
    for line in COLOUR.sub("", output).splitlines()[-LAST_LINES:]:
        print(f"  {line[:300]}")


def count(case):
    """(passed, failed, skipped) of one CTest entry."""
    skipped = case.find("skipped")
    if skipped is not None:
        built = "Unable to find" not in (skipped.get("message") or "")
        return (0, 0, 1) if built else (0, 1, 0)
    passed, failed = cases_in(case.findtext("system-out") or "") or (None, None)
    if case.find("failure") is not None:
        return passed or 0, max(failed or 0, 1), 0
    return (1, 0, 0) if passed is None else (passed, failed, 0)


def main():
    folder = pathlib.Path(sys.argv[1])
    total_passed = total_failed = 0
    failures = []
    for file in sorted(folder.glob("*.xml")):
        passed = failed = skipped = 0
        suite = xml.parse(file).getroot()
        for case in suite.iter("testcase"):
            p, f, s = count(case)
            passed, failed, skipped = passed + p, failed + f, skipped + s
            if f:
                failures.append(f"{file.stem}: {case.get('name')}")
                show_end(failures[-1], case.findtext("system-out") or "")
        seconds = float(suite.get("time") or 0)
        print(f"{file.stem:10} {passed:5} passed {failed:5} failed {skipped:5} skipped {seconds:6.0f} s")
        total_passed += passed
        total_failed += failed
    for file in sorted(folder.glob("*.failed")):
        failures.append(f"{file.stem}: {file.read_text().strip()}")
        total_failed += 1
    for line in failures:
        print(f"failed     {line}")
    if total_passed + total_failed == 0:
        print("no test ran")
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


if __name__ == "__main__":
    sys.exit(main())
