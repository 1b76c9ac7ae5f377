"""Compares troupe with llama.cpp on the same machine, threads and files, in turn.

  tests/bench/compare_llama_cpp
  tests/bench/compare_llama_cpp --quick --formats Q4_1 --json comparison.json
"""

import argparse
import datetime
import functools
import json
import pathlib
import sys

from peer import files, machine, programs, report
from peer.limits import share_of_limit
from peer.start import measure_starts
from peer.turns import SIDES, Test, take_turns
from peer.worker import WorkerError

TESTS = [Test("prefill", 128), Test("prefill", 512), Test("prefill", 2048),
         Test("decode", 1, 1, 128), Test("decode", 2048, 1, 128),
         Test("decode", 32, 4, 64), Test("decode", 32, 16, 64), Test("decode", 32, 32, 64)]
QUICK = [Test("prefill", 512), Test("decode", 1, 1, 64), Test("decode", 32, 16, 32)]


def say(text):
    print(text, file=sys.stderr, flush=True)


def compare_file(model, tests, options, greetings):
    """The comparison's entry of one file; the first lines of both workers go into `greetings`."""
    progress = lambda text: say(f"{model.format}: {text}")
    largest = max(tests, key=Test.positions)
    launchers = {
        "troupe": functools.partial(programs.start_troupe, model.path, options.threads,
                                    max(test.streams for test in tests),
                                    largest.positions() * model.facts["kv_bytes_per_token"]),
        "llama_cpp": functools.partial(programs.start_llama_cpp, model.path, options.threads)}
    results = measure_starts(launchers, options.repetitions, progress)
    with launchers["troupe"]() as ours, launchers["llama_cpp"]() as theirs:
        greetings.update(troupe=ours.greeting, llama_cpp=theirs.greeting)
        # Fills that room once, as llama.cpp does when it makes a context.
        ours.ask(**largest.question(), warm_up=True)
        progress("what the machine can do")
        limits = ours.ask(test="limits")
        for test in tests:
            result = take_turns(dict(zip(SIDES, (ours, theirs))), test, options.repetitions, progress)
            result["limit_share"] = {side: share_of_limit(result, side, model, limits)
                                     for side in SIDES}
            results.append(result)
    return {"format": model.format, "model": model.model, "limits": limits,
            "bytes_by_type": model.facts["bytes_by_type"], "results": results}


def compare(options):
    tests = QUICK if options.quick else TESTS
    models = [files.comparison_file(kind, say) for kind in options.formats]
    disturbance, greetings = machine.Disturbance(), {}
    entries = [compare_file(model, tests, options, greetings) for model in models]
    ours, theirs = greetings["troupe"], greetings["llama_cpp"]
    return {"date": datetime.date.today().isoformat(), "machine": machine.describe(),
            "disturbance": round(disturbance.share(), 3), "threads": options.threads,
            "repetitions": options.repetitions,
            "limits": {key: max(entry["limits"][key] for entry in entries)
                       for key in entries[0]["limits"]},
            "troupe": {key: ours[key] for key in ("target",)},
            "llama_cpp": {key: theirs[key] for key in ("version", "system")}, "files": entries}


def arguments():
    parser = argparse.ArgumentParser(prog="compare_llama_cpp", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", nargs="+", choices=files.FORMATS, default=files.FORMATS)
    parser.add_argument("--threads", type=int, default=programs.cores())
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--quick", action="store_true",
                        help="three tests a file, for a first look")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--troupe", metavar="PATH",
                        help="the binary; default: the release build, brought up to date")
    return parser.parse_args()


def main():
    options = arguments()
    try:
        programs.use_troupe(options.troupe)
        comparison = compare(options)
    except (WorkerError, programs.ProgramError) as e:
        say(f"compare_llama_cpp: {e}")
        return 1
    except KeyboardInterrupt:
        say("compare_llama_cpp: interrupted")
        return 130
    if options.json:
        options.json.write_text(json.dumps(comparison, indent=1) + "\n", encoding="utf-8")
    print(report.to_text(comparison), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
