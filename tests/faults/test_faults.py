"""The whole harness against a stand-in for troupe: real processes, real signals, invented tokens."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import FAKE
from harness import scenario, trace
from harness.cluster import Cluster, Impossible, Options
from harness.compare import Fault
from harness.processes import descendants
from harness.programs import troupe_server
from harness.scenario import Plan, run_reference, run_strike
from harness.soak import run_soak
from harness.strikes import Strike, strikes

SIZE = trace.Size(requests=14, tokens=30, long_words=20)
PLAN = Plan(Options(Path("fake")), 1, 6, lambda model: trace.make_trace(1, model, SIZE), lambda line: None)


@pytest.fixture(autouse=True)
def nothing_is_left(fake):
    """Of what a test started; and no test waits longer than it must."""
    fake.setattr(scenario, "AFTER_SECONDS", 0.05)
    yield
    assert descendants(os.getpid()) == set()


@pytest.fixture(scope="module")
def reference():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(troupe_server, "BINARY", str(FAKE))
        return run_reference(PLAN)


@pytest.mark.parametrize("name", [
    "kill-stage", "kill-expert-worker", "kill-two", "kill-pair", "kill-in-recovery", "blink", "join", "drain",
    "kill-gateway", "freeze-gateway", "kill-head"])
def test_where_troupe_recovers_all_is_good(reference, name):
    outcome = run_strike(PLAN, strikes()[name], reference)
    assert outcome.good(), (outcome.problems, outcome.findings)
    assert outcome.streams >= SIZE.requests and outcome.timing.throughput > 0
    assert (outcome.redundant_after is None) == (name in ("join", "kill-gateway", "freeze-gateway"))


def test_the_gap_of_a_recovery_is_measured(reference):
    outcome = run_strike(PLAN, strikes()["kill-stage"], reference)
    assert outcome.timing.longest_gap >= 0.1 and outcome.pause >= 0.1


@pytest.mark.parametrize(("wrong", "fault"), [
    ("drop", Fault.LOST), ("repeat", Fault.REPEATED), ("alter", Fault.ALTERED),
    ("score", Fault.ALTERED)])
def test_where_troupe_does_wrong_it_is_reported_by_its_name(fake, reference, wrong, fault):
    fake.setenv("FAKE_FAULT", wrong)
    outcome = run_strike(PLAN, strikes()["kill-stage"], reference)
    assert not outcome.good() and not outcome.problems
    assert {finding.fault for finding in outcome.findings} == {fault}


def test_a_stream_that_a_gateway_breaks_off_by_itself_is_reported(fake, reference):
    fake.setenv("FAKE_FAULT", "cut")
    outcome = run_strike(PLAN, strikes()["kill-stage"], reference)
    assert outcome.resumed > 0 and not outcome.findings
    assert outcome.problems == [f"{outcome.resumed} streams broke off, though nobody struck a gateway"]


def test_without_gateways_a_stream_that_breaks_off_is_lost(fake):
    fake.setenv("FAKE_FAULT", "cut")
    plan = Plan(Options(Path("fake"), gateways=0), *list(vars(PLAN).values())[1:])
    outcome = run_strike(plan, strikes()["kill-stage"], run_reference(plan))
    assert {finding.fault for finding in outcome.findings} == {Fault.LOST} and not outcome.problems


@pytest.mark.parametrize(("wrong", "fault"), [
    ("drop", Fault.LOST), ("renumber", Fault.LOST), ("none", Fault.LOST), ("repeat", Fault.REPEATED),
    ("again", Fault.REPEATED), ("alter", Fault.ALTERED)])
def test_where_the_rest_of_a_stream_is_wrong_it_is_reported_by_its_name(fake, reference, wrong, fault):
    fake.setenv("FAKE_FAULT", f"resume-{wrong}")
    outcome = run_strike(PLAN, strikes()["kill-gateway"], reference)
    assert not outcome.good()
    assert fault in {finding.fault for finding in outcome.findings}, (outcome.problems, outcome.findings)
    assert wrong == "none" or outcome.resumed > 0


def test_a_stream_that_breaks_off_again_is_reported(fake, reference):
    fake.setenv("FAKE_FAULT", "resume-break")
    outcome = run_strike(PLAN, strikes()["kill-gateway"], reference)
    assert not outcome.findings and len(outcome.problems) == 1
    assert "broke off again" in outcome.problems[0]


def test_a_strike_that_nobody_came_back_from_shows_nothing(reference):
    class Idle(Strike):
        """nothing, of which streams should be resumed"""

        resumes = True

        def run(self, cluster, draw):
            pass

    assert run_strike(PLAN, Idle, reference).problems == ["no client came back for a stream: nothing was shown"]


def test_streams_are_lost_with_their_server(reference):
    outcome = run_strike(PLAN, strikes()["kill-server"], reference)
    assert outcome.good() and outcome.count(Fault.LOST) >= 3


def test_a_cluster_without_redundancy_is_not_waited_for(reference):
    plan = Plan(Options(Path("fake"), redundancy=1), *list(vars(PLAN).values())[1:])
    outcome = run_strike(plan, strikes()["kill-stage"], reference)
    assert outcome.good() and outcome.redundant_after is None


def test_a_strike_that_fails_leaves_nobody_frozen(reference):
    class Stuck(Strike):
        """freezes a worker and cannot go on"""

        def run(self, cluster, draw):
            cluster.freeze(cluster.view().up()[0])
            raise Impossible("stuck")

    assert run_strike(PLAN, Stuck, reference).problems == ["stuck"]


def test_only_the_clusters_own_processes_are_struck(fake):
    with Cluster(PLAN.options) as cluster:
        node = cluster.view().up()[0]
        stranger = type(node)("n9", "9", os.getpid(), "up", ())
        with pytest.raises(Impossible, match="none of those"):
            cluster.kill(stranger)
        assert len(cluster.processes()) == 1 + PLAN.options.workers + PLAN.options.gateways


def test_a_worker_that_outlives_its_server_is_found_and_ended(fake):
    cluster = Cluster(PLAN.options)
    node = cluster.view().up()[0]
    os.kill(node.pid, signal.SIGSTOP)
    fake.setattr("harness.cluster.CHANGE_SECONDS", 0.5)
    cluster.kill_server()
    assert cluster.stop() == [f"process {node.pid} outlived the server and was killed"]


def test_a_soak_strikes_again_and_again_and_keeps_the_number_of_workers(reference, monkeypatch):
    monkeypatch.setattr("harness.soak._PAUSE_SECONDS", (0.05, 0.1))
    soak = run_soak(PLAN, [strikes()["kill-stage"], strikes()["drain"]], reference, 4)
    assert soak.good(), (soak.problems, soak.findings)
    assert len(soak.strikes) >= 2 and soak.streams > 0
    assert len(soak.strikes) < 6 or {row["process"].split()[0] for row in soak.processes} >= {"serve", "gateway"}


def command_line(*arguments, **environment):
    done = subprocess.run([sys.executable, FAKE.with_name("faults.py"), "fake", "--requests=14", "--tokens=30",
                           "--clients=6", *arguments], text=True, capture_output=True, timeout=120, check=False,
                          env={**os.environ, "TROUPE_BIN": str(FAKE), **environment})
    return done.returncode, done.stdout + done.stderr


def test_the_command_line_prints_a_table_and_writes_json(tmp_path):
    file = tmp_path / "out.json"
    code, text = command_line("--strikes=kill-stage,kill-gateway,kill-server", f"--json={file}")
    assert code == 0, text
    assert "redundant after" in text and "good (control)" in text
    written = json.loads(file.read_text())
    stage, gateway, server = written["strikes"]
    assert stage["lost"] == stage["altered"] == stage["repeated"] == 0 and stage["good"]
    assert stage["aim"] == {"wanted": 0.3, "most": 0.8} and stage["longest_gap"] >= 0.1
    assert written["gateways"] == 2 and written["gateway_strikes"] == ["kill-gateway"]
    assert "gateways were struck: kill-gateway" in text and gateway["resumed"] > 0 and stage["resumed"] == 0
    assert server["control"] and server["lost"] > 0 and written["unstruck"]["throughput"] > 0


def test_what_a_server_said_is_kept_where_asked(tmp_path):
    code, text = command_line("--strikes=none", f"--logs={tmp_path / 'logs'}")
    assert code == 0, text
    assert (tmp_path / "logs" / "none.log").exists()


def test_the_exit_code_says_that_something_was_lost():
    code, text = command_line("--strikes=kill-stage", FAKE_FAULT="drop")
    assert code == 1 and "BAD" in text and "lost: request" in text
    code, text = command_line("--strikes=kill-stage", "--expect-loss")
    assert code == 1


def test_bad_words_on_the_command_line_are_named():
    code, text = command_line("--strikes=storm")
    assert code == 1 and "no strike is called storm; there are: none" in text
    code, text = command_line("--strikes=kill-two", "--workers=2")
    assert code == 1 and "too few for kill-two" in text
    code, text = command_line("--strikes=kill-gateway", "--gateways=1")
    assert code == 1 and "4 workers and 1 gateways are too few for kill-gateway" in text
    code, text = command_line("--list")
    assert code == 0 and "rolling-restart" in text
