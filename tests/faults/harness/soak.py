"""Random strikes on one cluster for as long as asked, under a load that never ends."""

import dataclasses
import json
import random
import threading
import time
from typing import Any

from harness.client import Manners, RawStream
from harness.cluster import Cluster, Impossible
from harness.compare import Finding, compare
from harness.decode import decode
from harness.growth import Growth
from harness.load import Load
from harness.scenario import REDUNDANCY_SECONDS, Plan, Reference
from harness.strikes import Strike
from harness.watch import Watch, touched_copies, wait_for_redundancy

_MOST_FINDINGS = 100  # kept; all are counted
_PAUSE_SECONDS = (0.5, 5.0)  # between two strikes
_END_SECONDS = 600


@dataclasses.dataclass
class Soak:
    """What a soak found."""

    seconds: float = 0
    streams: int = 0
    wrong: int = 0
    strikes: list[str] = dataclasses.field(default_factory=list)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    processes: list[dict[str, Any]] = dataclasses.field(default_factory=list)  # as harness.growth has it

    def good(self) -> bool:
        return not self.wrong and not self.problems

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, default=lambda fault: fault.value) + "\n"

    def flat(self) -> bool:
        """Whether nothing that outlived all strikes has grown."""
        return all(row["flat"] for row in self.processes)


def run_soak(plan: Plan, chosen: list[type[Strike]], reference: Reference, seconds: float) -> Soak:
    """Draws strikes from `chosen` by the plan's seed. Between two of them the cluster becomes whole."""
    soak, draw, lock, growth = Soak(), random.Random(f"{plan.seed}/soak"), threading.Lock(), Growth()

    def consume(raw: RawStream) -> None:
        stream = decode(raw)
        found = compare(reference.streams[stream.request.index], stream)
        with lock:
            soak.streams += 1
            soak.wrong += bool(found)
            soak.findings += found[:_MOST_FINDINGS - len(soak.findings)]

    with Cluster(plan.options) as cluster:
        load = Load(cluster.addresses, plan.make_trace(cluster.model), plan.clients, consume,
                    Manners(silence=min(strike.manners.silence for strike in chosen)))
        cluster.returns = load.returns
        load.start()
        started = time.monotonic()
        with Watch(cluster, keep=1000) as watch:
            while time.monotonic() - started < seconds and not soak.problems:
                time.sleep(draw.uniform(*_PAUSE_SECONDS))
                _strike(plan, draw.choice(chosen), cluster, watch, draw, soak)
                view = cluster.wait(lambda view: view, "the cluster's state")
                growth.note(cluster.processes(), {node.pid: node.holds for node in view.up()})
        soak.seconds = time.monotonic() - started
        load.finish()
        if not load.join(_END_SECONDS):
            soak.problems.append(f"streams did not end within {_END_SECONDS} s")
        soak.problems += cluster.stop()
        if plan.logs:
            (plan.logs / "soak.log").write_text(cluster.errors(), encoding="utf-8")
    soak.processes = growth.report()
    for line in growth.lines():
        plan.log(line)
    return soak


def _strike(plan: Plan, strike: type[Strike], cluster: Cluster, watch: Watch, draw: random.Random,
            soak: Soak) -> None:
    cluster.blows.clear()
    try:
        strike().run(cluster, draw)
        took = wait_for_redundancy(cluster, watch, REDUNDANCY_SECONDS) if \
            touched_copies(cluster.blows) else 0.0
        if took is None:
            soak.problems.append(f"{strike.name}: not redundant again within {REDUNDANCY_SECONDS} s")
        refill(cluster, plan.options.workers + plan.options.experts)
    except Impossible as e:
        soak.problems.append(f"{strike.name}: {e}")
        return
    soak.strikes.append(strike.name)
    plan.log(f"{len(soak.strikes):4} {strike.name}: {', '.join(b.what for b in cluster.blows)}; redundant "
             f"after {took or 0:.2f} s; {soak.streams} streams, {soak.wrong} of them wrong")


def refill(cluster: Cluster, workers: int) -> None:
    """Brings the cluster back to the number of workers that it began with."""
    while len(cluster.wait(lambda view: view, "the cluster's state").up()) < workers:
        cluster.join()
