"""The operator's commands against a real cluster: what they find, what they end with, and what they never give away."""

import json
import os
import signal
import socket
import stat
import subprocess
import tarfile
import time
import urllib.request

import pytest

from authority import Authority
from etcd_server import free_port
from test_cluster import MODEL, leader_of, whole
from troupe_server import BINARY, Server, read, troupe

SECONDS = 30
SECRETS = {"key": "tr-" + "5ec2e7" * 11, "token": "planted-token", "password": "planted-password",
           "user": "planted-user", "header": "planted-header", "pem": "UExBTlRFRA"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """(a file of keys, a key for operators, a key for clients)"""
    file = tmp_path_factory.mktemp("keys") / "keys.db"

    def make(name, endpoints):
        code, out, errors = troupe("key", "create", name, "--keys", file, "--endpoints", endpoints)
        assert code == 0, errors
        return out.strip()
    return file, make("operator", "admin,models,chat,completions"), make("client", "completions")


@pytest.fixture(scope="module")
def cluster(keys):
    with Server(MODEL, "--workers", 4, "--keys", keys[0]) as running:
        yield running


@pytest.fixture(scope="module")
def operator(cluster, keys):
    """Runs a command at the cluster as its operator."""
    return lambda *words, **more: troupe(*words, "--url", cluster.url, env={"TROUPE_API_KEY": keys[1]}, **more)


def doctor(*words, env=None):
    code, out, errors = troupe("doctor", "--json", *words, env=env)
    return code, {(x["subject"], x["text"]): x for x in json.loads(out)}, errors


def test_doctor_looks_at_everything_and_changes_nothing():
    code, found, _ = doctor()
    subjects = {subject for subject, _ in found}
    assert {"arithmetic", "network", "RDMA", "UCX", "memlock", "memory", "huge pages", "clock", "CUDA"} <= subjects
    [ways] = [text for subject, text in found if subject == "UCX" and text.startswith("finds ")]
    assert "tcp (" in ways
    assert all(x["advice"] for x in found.values() if x["level"] != "well")
    assert code == (1 if any(x["level"] == "WRONG" for x in found.values()) else 0)
    text = troupe("doctor")[1]
    assert "UCX" in text and "tcp (" in text


def test_doctor_says_what_is_wrong_with_ports_and_peers(cluster):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy, free, nobody = taken.getsockname()[1], free_port(), free_port()
        code, found, errors = doctor("--listen", f"127.0.0.1:{busy}", "--listen", f"127.0.0.1:{free}",
                                     "--join", f"{cluster.join_address()},127.0.0.1:{nobody}", "--peer",
                                     f"127.0.0.1:{nobody}")
    assert code == 1 and "wrong" in errors
    levels = {text: x["level"] for (_, text), x in found.items()}
    assert levels[f"127.0.0.1:{free} is free"] == "well"
    assert levels[f"127.0.0.1:{busy}: Address already in use"] == "WRONG"
    assert levels[f"{cluster.join_address()} answers"] == "well"
    assert levels[f"127.0.0.1:{nobody}: nobody listens there"] == "WRONG"
    assert levels[f"127.0.0.1:{nobody}: nobody measures there"] == "WRONG"


def test_doctor_judges_certificates():
    authority = Authority("the cluster's")
    for name, days, how, words in (("good", 90, "well", "days left"), ("soon", 3, "remark", "days left"),
                                   ("late", -1, "WRONG", "has run out")):
        certificate, key = authority.sign(name, days=days)
        code, found, _ = doctor("--tls-certificate", certificate, "--tls-key", key, "--tls-authority", authority.file)
        [told] = [x for x in found.values() if x["subject"] == "certificate" and x["text"].startswith(str(certificate))]
        assert told["level"] == how and words in told["text"]
        assert how == "well" or "rotate-certificates" in told["advice"]
        assert code == 1 or how != "WRONG"
    code, found, _ = doctor("--tls-certificate", authority.sign("one")[0], "--tls-key", authority.sign("two")[1],
                            "--tls-authority", authority.file)
    assert code == 1 and any("key values mismatch" in text for _, text in found)


def test_bandwidth_is_measured_between_two():
    with subprocess.Popen([BINARY, "doctor", "--serve", "0"], stdout=subprocess.PIPE, text=True) as serving:
        try:
            peer = serving.stdout.readline().split()[-1].replace("HOST", "127.0.0.1")
            found = doctor("--peer", peer)[1]
            assert any(subject == "bandwidth" and text.startswith(f"{peer}: ") and text.endswith("GB/s") for subject, text in found)
        finally:
            serving.send_signal(signal.SIGTERM)
        assert serving.wait(SECONDS) == 0


def test_events_tell_what_has_happened(operator, cluster):
    code, text, _ = operator("events")
    assert code == 0
    assert text.count(" joins (peer ") >= 4
    code, lines, _ = operator("events", "--json")
    events = [json.loads(line) for line in lines.splitlines()]
    assert code == 0 and len(events) >= 4
    assert all(set(e) == {"time", "text"} and e["time"].endswith("Z") for e in events)
    assert [e["text"] for e in events][:2] == [line.split("  ", 1)[1] for line in text.splitlines()][:2]


def test_events_are_followed_until_told_to_stop(cluster, keys, tmp_path):
    log = tmp_path / "events"
    headers = {"Authorization": "Bearer " + keys[1]}

    class Asked:
        """The cluster, as its operator sees it."""
        url = cluster.url

        @staticmethod
        def get(path):
            with urllib.request.urlopen(urllib.request.Request(cluster.url + path, headers=headers), timeout=30) as reply:
                return reply.status, reply.read().decode()

    struck = leader_of(whole(Asked), 0)
    with open(log, "w+", encoding="utf-8") as out, subprocess.Popen(
            [BINARY, "events", "--follow", "--url", cluster.url], stdout=out, stderr=out, text=True,
            env={**os.environ, "TROUPE_API_KEY": keys[1]}) as following:
        try:
            await_text(out, " joins (peer ")
            os.kill(struck["pid"], signal.SIGKILL)
            await_text(out, f"{struck['name']} is gone")
        finally:
            following.send_signal(signal.SIGTERM)
        assert following.wait(SECONDS) == 0
    whole(Asked)


def await_text(file, text):
    deadline = time.monotonic() + SECONDS
    while text not in read(file):
        assert time.monotonic() < deadline, read(file)
        time.sleep(0.05)


@pytest.mark.parametrize("command", [["events"], ["debug", "bundle"]])
def test_nobody_is_told_what_keys_keep_from_him(cluster, keys, command, tmp_path):
    words = ["--output", tmp_path / "b.tar"] if command[0] == "debug" else []
    for key, why in (("", "asks for a key"), (keys[2], "not good for that")):
        code, out, errors = troupe(*command, "--url", cluster.url, *words, env={"TROUPE_API_KEY": key})
        if command[0] == "debug":
            # What can be had is had: a cluster that cannot be asked is a reason for a report.
            assert code == 0
            assert content(tmp_path / "b.tar")["server-cluster"].split("\n")[0] in ("401", "403")
        else:
            assert code == 1 and out == "" and why in errors


def test_what_cannot_be_asked_is_said(tmp_path):
    nobody = f"http://127.0.0.1:{free_port()}"
    code, out, errors = troupe("events", "--url", nobody)
    assert code == 1 and out == "" and "nobody listens there" in errors
    with Server(MODEL) as alone:
        code, _, errors = troupe("events", "--url", alone.url)
        assert code == 1 and "leads no cluster" in errors
    assert troupe("events", "--url", "nowhere")[0] == 1
    assert troupe("debug")[0] == 2
    assert troupe("debug", "bundle", "--output", tmp_path / "none" / "b.tar", "--url", nobody)[0] == 1
    code, out, _ = troupe("debug", "bundle", "--output", tmp_path / "b.tar", "--url", nobody)
    assert code == 0 and str(tmp_path / "b.tar") in out
    assert "nobody listens there" in content(tmp_path / "b.tar")["server-health"]


def content(archive):
    """Name below the bundle's folder -> text."""
    with tarfile.open(archive) as tar:
        return {m.name.split("/", 1)[1]: tar.extractfile(m).read().decode(errors="replace") for m in tar.getmembers()}


def plant(folder):
    """A machine's settings, services and logs, full of secrets: (folder of settings, environment)."""
    settings, programs = folder / "settings", folder / "programs"
    settings.mkdir()
    programs.mkdir()
    (settings / "supervisor.toml").write_text(
        f'[registry]\nendpoints = "https://{SECRETS["user"]}:{SECRETS["password"]}@10.0.0.1:2379"\nlifetime_s = 2\n')
    (settings / "gateway.toml").write_text(
        f'[http]\nport = 8080\nkeys = "/var/lib/troupe/keys.db"\napi_token = "{SECRETS["token"]}"\n# key {SECRETS["key"]}\n')
    (settings / "node.toml").write_text(
        f"[tls]\nkey = '''\n-----BEGIN PRIVATE KEY-----\n{SECRETS['pem']}\n-----END PRIVATE KEY-----\n'''\n")
    for program, says in (
            ("journalctl", f"12:00:00 Authorization: Bearer {SECRETS['token']}\n12:00:01 password={SECRETS['password']}\n"
                           f"12:00:02 {{\"secret\": \"{SECRETS['password']}\"}}\n12:00:03 all is well\n"),
            ("systemctl", f"Environment=UCX_TLS=tcp TROUPE_API_KEY={SECRETS['key']} DB_PASSWORD={SECRETS['password']}\nMainPID=7\n")):
        (programs / program).write_text(f"#!/bin/sh\ncat <<'END'\n{says}END\n")
        (programs / program).chmod(0o755)
    return settings, {"PATH": f"{programs}:{os.environ['PATH']}", "UCX_LOG_LEVEL": "warn", "UCX_SECRET_TOKEN": SECRETS["token"],
                      "OTEL_EXPORTER_OTLP_HEADERS": f"x-team={SECRETS['header']}", "UNRELATED": SECRETS["password"]}


def test_a_bundle_holds_what_a_report_needs_and_no_secret(cluster, keys, tmp_path):
    settings, environment = plant(tmp_path)
    archive = tmp_path / "bundle.tar"
    code, out, errors = troupe("debug", "bundle", "--url", cluster.url, "--settings", settings, "--output", archive,
                               env={**environment, "TROUPE_API_KEY": keys[1]})
    assert code == 0, errors
    assert "look through it" in out
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    files = content(archive)
    assert files["version"].startswith("troupe ") and "control" in files["version"]
    assert "UCX" in files["doctor"]
    assert "UCX_LOG_LEVEL=warn" in files["environment"] and "UNRELATED" not in files["environment"]
    assert "port = 8080" in files["gateway.toml"] and "lifetime_s = 2" in files["supervisor.toml"]
    assert '"/var/lib/troupe/keys.db"' in files["gateway.toml"]
    assert "@10.0.0.1:2379" in files["supervisor.toml"]
    assert "all is well" in files["troupe-gateway.log"] and "MainPID=7" in files["troupe-node.unit"]
    assert '"serving"' in files["server-cluster"] and "troupe_cluster_node_up" in files["server-metrics"]
    for name, text in files.items():
        for kind, secret in {**SECRETS, "operator": keys[1], "client": keys[2]}.items():
            assert secret not in text, f"{kind} in {name}"
