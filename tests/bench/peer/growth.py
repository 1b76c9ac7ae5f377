"""Measures how prefill and decode change with context length, streams, threads and experts.

  tests/bench/growth --json docs/data/growth.json
  tests/bench/growth --only streams experts
"""

import argparse
import contextlib
import datetime
import json
import pathlib
import sys

from peer import files, machine, programs
from peer.turns import SIDES, Test, take_turns
from peer.worker import WorkerError

LONGEST = 8192
DECODED = 64
CONTEXTS = [1, 512, 1024, 2048, 4096, LONGEST - DECODED]
PROMPTS = [128, 512, 1024, 2048, 4096, LONGEST - 1]
STREAMS = [1, 2, 4, 8, 16, 32, 64]
EXPERTS = [8, 32, 128, 512]
PREFILL, DECODE = Test("prefill", 512), Test("decode", 32, 1, DECODED)


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(model, threads, tests, options):
    """The results of both sides on one file."""
    progress = lambda text: say(f"{model.model}, {threads} threads: {text}")
    with contextlib.ExitStack() as stack:
        streams = max(test.streams for test in tests)
        workers = dict(zip(SIDES, (
            stack.enter_context(programs.start_troupe(model.path, threads, streams)),
            stack.enter_context(programs.start_llama_cpp(model.path, threads)))))
        return [take_turns(workers, test, options.repetitions, progress) for test in tests]


def points(xs, results):
    return [{"x": x, **{side: result[side] for side in SIDES}} for x, result in zip(xs, results)]


def by_context(options):
    model = files.comparison_file("Q4_1", say)
    prefills = measure(model, options.threads, [Test("prefill", n) for n in PROMPTS], options)
    decodes = measure(model, options.threads, [Test("decode", n, 1, DECODED) for n in CONTEXTS],
                      options)
    return {"prefill": points(PROMPTS, prefills), "decode": points(CONTEXTS, decodes)}


def by_streams(options):
    model = files.comparison_file("Q4_1", say)
    tests = [Test("decode", 32, n, DECODED) for n in STREAMS]
    return {"decode": points(STREAMS, measure(model, options.threads, tests, options))}


def by_threads(options):
    model = files.comparison_file("Q4_1", say)
    counts = sorted({1, *(1 << i for i in range(1, 10) if 1 << i <= programs.cores()),
                     programs.cores()})
    return _of_each(counts, lambda count: (model, count), options)


def by_experts(options):
    return _of_each(EXPERTS, lambda count: (files.experts_file(count, say), options.threads), options)


def _of_each(xs, setup, options):
    """One prefill and one decode at each point of `xs`; setup(x) is its model and threads."""
    both = [measure(*setup(x), [PREFILL, DECODE], options) for x in xs]
    return {"prefill": points(xs, [pair[0] for pair in both]),
            "decode": points(xs, [pair[1] for pair in both])}


SERIES = {"context": by_context, "streams": by_streams, "threads": by_threads, "experts": by_experts}


def arguments():
    parser = argparse.ArgumentParser(prog="growth", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(SERIES), default=list(SERIES),
                        help="these series; others in the JSON file stay")
    parser.add_argument("--threads", type=int, default=programs.cores())
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        default=programs.BUILD / "bench" / "growth.json",
                        help="default: build/bench/growth.json")
    parser.add_argument("--troupe", metavar="PATH",
                        help="the binary; default: the release build, brought up to date")
    return parser.parse_args()


def main():
    options = arguments()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
    try:
        programs.use_troupe(options.troupe)
        for name in options.only:
            disturbance = machine.Disturbance()
            series = SERIES[name](options)
            kept[name] = {"date": datetime.date.today().isoformat(), "machine": machine.describe(),
                          "threads": options.threads, "repetitions": options.repetitions,
                          "disturbance": round(disturbance.share(), 3), **series}
            options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    except (WorkerError, programs.ProgramError) as e:
        say(f"growth: {e}")
        return 1
    except KeyboardInterrupt:
        say("growth: interrupted; the series that are done are in the file")
        return 130
    say(f"{options.json} has it; tests/bench/document draws docs/data/growth.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
