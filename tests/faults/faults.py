#!/usr/bin/env python3
"""Strikes a cluster of real processes while streams go on, and compares each stream with the one of a
run without a strike: every event of it, its number, tokens, text, logprobs, how it ended, usage. Exit code 1
where one is lost, altered or repeated. Clients ask the cluster's gateways; where their connection breaks they
come back for the rest at another one ("resumed").

  tools/venv.sh tests/faults/faults.py                       # every strike, SmolLM2
  tools/venv.sh tests/faults/faults.py MODEL --strikes kill-stage,drain --json out.json
  tools/venv.sh tests/faults/faults.py --soak 3600 --seed 7   # random strikes for an hour
  tools/venv.sh tests/faults/faults.py --list

Gap: the longest time between two tokens of an answer. Added gap: that less the longest of the run without
a strike. Pause: the longest gap from the first blow until all was over; where prompts are read beside
answers, gaps as long come without a strike too: what the strike added lies between the two figures. The aim
is what is wanted and what is too long; no test asserts it. Throughput: more or less than without a strike,
until the trace has been asked once. Redundant after: from the last blow until GET /cluster says that two
copies of everything exist again.

That the harness can fail is shown at every start, by spoiling a recorded stream in every way and comparing
it, and by the strike kill-server, which must lose streams.
"""

import argparse
import signal
import sys
from pathlib import Path

from harness import trace
from harness.cluster import Options
from harness.network import impossible
from harness.programs import troupe_server
from harness.report import align, to_json, to_text
from harness.scenario import Outcome, Plan, run_reference, run_strike
from harness.soak import Soak, run_soak
from harness.strikes import Strike, freeze, strikes
from harness.tamper import TAMPERINGS, check_comparison

QUICK = ["kill-stage", "kill-in-recovery", "blink", "kill-gateway", "kill-server"]
QUICK_SIZE = trace.Size(requests=21, tokens=160, long_words=150)


def say(line: str) -> None:
    print(line, flush=True)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="default: SmolLM2; with --quick: a tiny random one")
    parser.add_argument("--list", action="store_true", help="the strikes, and out")
    parser.add_argument("--strikes", help="names with commas between; default: all that "
                        "--workers, --expert-workers and --gateways allow")
    parser.add_argument("--quick", action="store_true", help="a few strikes, under a minute")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="random strikes for so long")
    parser.add_argument("--workers", type=int, default=4, help="0: one process, for the controls")
    parser.add_argument("--expert-workers", type=int, default=0, help="more of them, for experts only")
    parser.add_argument("--gateways", type=int, default=2, help="of a cluster; 0: clients ask its head")
    parser.add_argument("--supervisors", action="store_true",
                        help="two that stand by for each other on etcd, in the place of one head")
    parser.add_argument("--redundancy", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of the requests and of what is struck")
    parser.add_argument("--clients", type=int, default=16, help="streams at once")
    parser.add_argument("--requests", type=int, help="in the trace")
    parser.add_argument("--tokens", type=int, help="of an ordinary answer")
    parser.add_argument("--long-words", type=int, help="of a long prompt")
    parser.add_argument("--freeze-seconds", type=float, help="how long freeze-worker stops one")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="for what each server said")
    parser.add_argument("--expect-loss", action="store_true",
                        help="turns the verdict round: each strike must lose, alter or repeat something")
    parser.add_argument("--serve", action="append", default=[], metavar="OPTION",
                        help="one more word for troupe serve, as --serve=--threads --serve=1")
    options = parser.parse_args(arguments)
    options.gateways *= options.workers > 0  # they join clusters only
    return options


def choose(options: argparse.Namespace) -> list[type[Strike]]:
    """Raises SystemExit where a name means nothing."""
    known = strikes()
    usual = QUICK if options.quick else list(known)
    names = options.strikes.split(",") if options.strikes else usual
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"no strike is called {unknown[0]}; there are: {', '.join(known)}")
    chosen = [known[name] for name in names]
    if options.soak is not None and not options.strikes:
        chosen = [strike for strike in chosen if strike.in_soak]
    misplaced = [strike.name for strike in chosen if strike.supervisors not in (None, options.supervisors)]
    if misplaced and options.strikes:
        sys.exit(f"{misplaced[0]} strikes a cluster {'without' if options.supervisors else 'with'} --supervisors")
    chosen = [strike for strike in chosen if strike.name not in misplaced]
    too_many = [strike.name for strike in chosen
                if strike.least_workers > options.workers or strike.least_gateways > options.gateways
                or strike.least_experts > options.expert_workers]
    experts = f"{options.expert_workers} workers for experts, " if options.expert_workers else ""
    there_are = f"{experts}{options.workers} workers and {options.gateways} gateways"
    if too_many and (options.strikes or len(too_many) == len(chosen)):
        sys.exit(f"{there_are} are too few for {', '.join(too_many)}")
    for name in too_many:
        say(f"{name} is left out: {there_are} are too few for it")
    chosen = [strike for strike in chosen if strike.name not in too_many]
    why = impossible() if any(strike.hosts for strike in chosen) else ""
    for strike in [strike for strike in chosen if strike.hosts and why]:
        say(f"{strike.name} is SKIPPED: {why}")
    return [strike for strike in chosen if not (strike.hosts and why)]


def model_of(options: argparse.Namespace) -> Path:
    """Raises SystemExit where the default one has not been fetched."""
    if options.model:
        return options.model
    if options.quick:
        return troupe_server.MODELS / "tiny-qwen3-moe"
    if not troupe_server.smollm2().exists():
        sys.exit("SmolLM2 is missing; run tools/fetch-model.sh")
    return troupe_server.smollm2()


def size_of(options: argparse.Namespace) -> trace.Size:
    base = QUICK_SIZE if options.quick else trace.Size()
    return trace.Size(options.requests or base.requests, options.tokens or base.tokens,
                      options.long_words or base.long_words)


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # clusters are stopped first
    options = parse(arguments)
    if options.list:
        rows = [[name, strike.what()] for name, strike in strikes().items()]
        say("\n".join(align(rows)))
        return 0
    chosen = choose(options)
    if options.freeze_seconds is not None:
        freeze.FreezeWorker.seconds = options.freeze_seconds
    size = size_of(options)
    cluster = Options(model_of(options), options.workers, options.redundancy, options.gateways,
                      options.supervisors, serve=tuple(options.serve),
                      experts=options.expert_workers)
    plan = Plan(cluster, options.seed, options.clients,
                lambda model: trace.make_trace(options.seed, model, size), say, options.logs)
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
    say(f"{cluster.model.name}: {options.workers} workers, redundancy {options.redundancy}, "
        f"{options.gateways} gateways, {options.clients} clients, {size.requests} requests, seed {options.seed}")
    try:
        reference = run_reference(plan)
    except (AssertionError, RuntimeError) as e:
        say(str(e))
        return 1
    if missed := check_comparison(reference.raw):
        say("The comparison cannot be relied on:\n  " + "\n  ".join(missed))
        return 1
    say(f"control: a stream spoilt in {len(TAMPERINGS)} ways was reported each time")
    if options.soak is not None:
        soak = run_soak(plan, chosen, reference, options.soak)
        if options.json:
            options.json.write_text(soak.to_json(), encoding="utf-8")
        return finish_soak(soak, options.seed)

    outcomes: list[Outcome] = []
    for strike in chosen:
        say(f"{strike.name}: {strike.what()} ...")
        outcomes.append(run_strike(plan, strike, reference))
    say("\n" + to_text(outcomes, reference.timing))
    if options.json:
        about = {"model": cluster.model.name, "workers": options.workers, "gateways": options.gateways,
                 "redundancy": options.redundancy, "seed": options.seed, "clients": options.clients,
                 "requests": size.requests}
        options.json.write_text(to_json(outcomes, reference.timing, about), encoding="utf-8")
    if options.expect_loss:
        return 0 if all(outcome.findings for outcome in outcomes) else 1
    return 0 if all(outcome.good() for outcome in outcomes) else 1


def finish_soak(soak: Soak, seed: int) -> int:
    say(f"{len(soak.strikes)} strikes in {soak.seconds:.0f} s, seed {seed}: {soak.streams} streams, "
        f"{soak.wrong} lost, altered or repeated; {len(soak.processes)} processes outlived all of them, "
        f"{'and none has grown' if soak.flat() else 'of which some have GROWN'}")
    for line in [*soak.problems, *(f"{f.fault.value}: request {f.request}, {f.what}" for f in soak.findings[:8])]:
        say(f"  {line}")
    return 0 if soak.good() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
