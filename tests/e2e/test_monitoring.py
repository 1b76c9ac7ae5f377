"""Alerts and dashboards against the metrics that a real cluster exposes."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest
from authority import Authority
from troupe_server import MODELS, Gateway, Server

PACKAGING = pathlib.Path(__file__).parents[2] / "packaging"
ALERTS = PACKAGING / "prometheus" / "troupe-alerts.yml"
RUNBOOKS = PACKAGING.parent / "docs" / "runbooks"
# Of Prometheus itself, etcd and the machines' exporter.
FOREIGN = re.compile(r"^(up|etcd_server_has_leader|node_filesystem_(avail|size)_bytes)$")
WORDS = set("""sum max min rate by le time absent count changes increase offset and or on without ignoring
    histogram_quantile instance version state status route file node finished_reason job fstype mountpoint
    bool""".split())


def metrics_in(expression):
    """Names of metrics in an expression of PromQL."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"", " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\b\d+[smhdw]\b", " ", bare)
    return {w for w in re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare) if w not in WORDS}


def alerts():
    """(name, expression, runbook) of each, as the file has them, one key a line."""
    found = re.findall(r"- alert: (\w+)\n +expr: '(.*)'\n(?:.*\n)*? +runbook: (\S+)", ALERTS.read_text())
    return [(name, expression.replace("''", "'"), runbook) for name, expression, runbook in found]


def dashboards():
    """(dashboard, panel, expression) of each target."""
    for file in sorted((PACKAGING / "grafana").glob("*.json")):
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield board["title"], panel["title"], target["expr"]


@pytest.fixture(scope="module")
def exposed(tmp_path_factory):
    """Names of samples that a head and a gateway show, with everything switched on that they can have."""
    folder = tmp_path_factory.mktemp("monitoring")
    names = set()
    authority = Authority("monitoring")
    with Server(MODELS / "tiny-qwen3-moe", "--workers", 2, "--autoscale", "processes", "--most-nodes", 2,
                "--ledger", folder / "head.db",
                *authority.options("head")) as head, \
            Gateway(head, options=["--ledger", folder / "gateway.db", *authority.options("gateway")]) as gateway:
        assert gateway.post("/v1/completions", json.dumps(
            {"model": gateway.model, "prompt": "one", "max_tokens": 4}).encode())[0] == 200
        for server in (head, gateway):
            names |= set(re.findall(r"^(\w+)", server.get("/metrics")[1], re.M))
    return names


def test_each_alert_asks_for_metrics_that_exist(exposed):
    assert len(alerts()) == ALERTS.read_text().count("- alert:") >= 15
    for name, expression, _ in alerts():
        wanted = {m for m in metrics_in(expression) if not FOREIGN.match(m)}
        assert wanted <= exposed, f"{name}: {wanted - exposed}"


def test_each_panel_asks_for_metrics_that_exist(exposed):
    panels = list(dashboards())
    assert len(panels) > 20
    for board, panel, expression in panels:
        wanted = {m for m in metrics_in(expression.replace("$__rate_interval", "5m")) if not FOREIGN.match(m)}
        assert wanted <= exposed, f"{board}, {panel}: {wanted - exposed}"


def test_what_is_exposed_is_shown(exposed):
    """A metric that no dashboard shows is seen by nobody."""
    shown = set()
    for _, _, expression in dashboards():
        shown |= metrics_in(expression)
    ours = {re.sub(r"_(bucket|sum|count)$", "_bucket", m) for m in exposed if m.startswith("troupe_")}
    assert ours <= shown, ours - shown


def test_each_alert_has_its_page():
    pages = {p.name for p in RUNBOOKS.glob("Troupe*.md")}
    for name, _, runbook in alerts():
        assert runbook == f"docs/runbooks/{name}.md"
        text = (RUNBOOKS.parents[1] / runbook).read_text()
        assert all(part in text for part in ("## What it means", "## Look at", "## Do"))
        for page in re.findall(r"\]\((\w+\.md)\)", text):
            assert (RUNBOOKS / page).exists(), page
        pages.discard(f"{name}.md")
    assert not pages, f"no alert leads to {pages}"


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is missing: apt-get install prometheus")
@pytest.mark.parametrize("words", [["check", "rules", ALERTS],
                                   ["test", "rules", ALERTS.parent / "tests" / "alerts_test.yml"]])
def test_alerts_say_what_they_should(words):
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
