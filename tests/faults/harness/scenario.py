"""One strike in the middle of a load, against the same load without it."""

import contextlib
import dataclasses
import random
import time
from collections.abc import Callable
from pathlib import Path

from harness.client import RawStream
from harness.cluster import Cluster, Impossible, Options
from harness.compare import Fault, Finding, compare
from harness.decode import Stream, decode
from harness.load import Load
from harness.strikes import Strike
from harness.timing import Timing, longest_gap_within, measure
from harness.trace import Request
from harness.watch import Watch, touched_copies, wait_for_redundancy

REDUNDANCY_SECONDS = 60  # to be whole again
AFTER_SECONDS = 1  # of load once all is over: what woke up must do no harm
_START_SECONDS = 300  # for the load to come to the strike
_END_SECONDS = 600  # for the last streams to end
_POLL_SECONDS = 0.005


@dataclasses.dataclass(frozen=True)
class Plan:
    """What every run of a session shares."""

    options: Options
    seed: int
    clients: int
    make_trace: Callable[[str], list[Request]]  # of a model's name
    log: Callable[[str], None]
    logs: Path | None = None  # a folder for what servers said


@dataclasses.dataclass
class Reference:
    """The run without a strike: each request's answer, and how fast all was."""

    streams: dict[int, Stream]
    timing: Timing
    events: int
    raw: list[RawStream]


@dataclasses.dataclass
class Outcome:
    """What a strike did to the clients, in seconds. `problems`: what else went wrong."""

    strike: type[Strike]
    streams: int = 0
    findings: list[Finding] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    timing: Timing | None = None
    struck: tuple[float, float] | None = None  # from the first blow until all was over (time.monotonic)
    pause: float | None = None  # the longest gap in that time
    redundant_after: float | None = None
    blows: list[str] = dataclasses.field(default_factory=list)
    resumed: int = 0  # streams that a client came back for
    asked_again: int = 0  # streams of which nothing had come before their connection broke

    def count(self, fault: Fault) -> int:
        """Streams with such a fault."""
        return len({f.turn for f in self.findings if f.fault is fault})

    def good(self) -> bool:
        """Nothing lost, altered or repeated; of a control: lost, and nothing else."""
        if self.strike.loses:
            return self.count(Fault.LOST) > 0 and self.count(Fault.ALTERED) == 0 and \
                self.count(Fault.REPEATED) == 0 and not self.problems
        return not self.findings and not self.problems


def run_reference(plan: Plan) -> Reference:
    """The trace on a cluster that nothing happens to. Raises RuntimeError where even that fails."""
    raw: list[RawStream] = []
    with Cluster(plan.options) as cluster:
        load = Load(cluster.addresses, plan.make_trace(cluster.model), plan.clients, raw.append)
        load.start()
        load.finish()
        if not load.join(_END_SECONDS):
            raise RuntimeError(f"streams without a strike did not end within {_END_SECONDS} s")
        problems = cluster.stop()
    streams = {stream.request.index: stream for stream in map(decode, raw)}
    problems += [f"request {index}: {why}" for index, stream in sorted(streams.items())
                 for why in [stream.broken, *stream.doubled] if why]
    if problems:
        raise RuntimeError("the run without a strike went wrong: " + "; ".join(problems[:5]))
    return Reference(streams, measure(streams.values(), load.started, load.asked_all), load.events(), raw)


def run_strike(plan: Plan, strike: type[Strike], reference: Reference) -> Outcome:
    """The trace on a fresh cluster, struck when a third of the tokens have come. The trace is asked again
    and again until the strike is over and the cluster is whole."""
    outcome = Outcome(strike)
    raw: list[RawStream] = []
    try:
        cluster = Cluster(dataclasses.replace(plan.options, hosts=strike.hosts))
    except AssertionError as e:
        outcome.problems.append(str(e))
        return outcome
    with cluster:
        load = Load(cluster.addresses, plan.make_trace(cluster.model), plan.clients, raw.append,
                    strike.manners)
        cluster.returns = load.returns
        load.start()
        try:
            _wait_for_events(load, reference.events // 3)
            _strike(plan, strike, cluster, outcome)
        except Impossible as e:
            outcome.problems.append(str(e))
        load.finish()
        if not load.join(_END_SECONDS):
            outcome.problems.append(f"streams did not end within {_END_SECONDS} s")
        outcome.blows = [blow.what for blow in cluster.blows]
        outcome.problems += cluster.stop()
        if plan.logs:
            (plan.logs / f"{strike.name}.log").write_text(cluster.errors(), encoding="utf-8")
    outcome.resumed = sum(stream.resumed > 0 for stream in raw)
    outcome.asked_again = sum(stream.asked_again > 0 for stream in raw)
    if again := sum(stream.resumed > 1 for stream in raw):
        outcome.problems.append(f"{again} streams broke off again after somebody had gone on with them")
    if strike.resumes and not outcome.resumed:
        outcome.problems.append("no client came back for a stream: nothing was shown")
    if (back := outcome.resumed + outcome.asked_again) and not strike.resumes and not strike.loses:
        outcome.problems.append(f"{back} streams broke off, though nobody struck a gateway")
    streams = [decode(stream) for stream in raw]
    judge(outcome, streams, reference)
    outcome.timing = measure(streams, load.started, load.asked_all)
    if outcome.struck:
        outcome.pause = longest_gap_within(streams, *outcome.struck)
    return outcome


def judge(outcome: Outcome, streams: list[Stream], reference: Reference) -> None:
    """Compares each answer with the one of the run without a strike."""
    for stream in streams:
        outcome.streams += 1
        for finding in compare(reference.streams[stream.request.index], stream):
            outcome.findings.append(dataclasses.replace(finding, turn=outcome.streams))


def _wait_for_events(load: Load, events: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while load.events() < events:
        if not load.running():
            raise Impossible("no client is left to be struck")
        if time.monotonic() > deadline:
            raise Impossible(f"{load.events()} of {events} events came within {_START_SECONDS} s")
        time.sleep(_POLL_SECONDS)


def _strike(plan: Plan, strike: type[Strike], cluster: Cluster, outcome: Outcome) -> None:
    draw, since = random.Random(f"{plan.seed}/{strike.name}"), time.monotonic()
    with Watch(cluster) if plan.options.workers else contextlib.nullcontext() as watch:
        strike().run(cluster, draw)
        if watch and touched_copies(cluster.blows) and plan.options.redundancy > 1 and not strike.loses:
            outcome.redundant_after = wait_for_redundancy(cluster, watch, REDUNDANCY_SECONDS)
            if outcome.redundant_after is None:
                outcome.problems.append(f"not redundant again within {REDUNDANCY_SECONDS} s")
        if not strike.loses:
            time.sleep(AFTER_SECONDS)
    outcome.struck = cluster.blows[0].when if cluster.blows else since, time.monotonic()
