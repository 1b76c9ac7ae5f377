"""The playbooks against real machines: deployed, asked, upgraded under load, scaled out, drained, restored.

The tests follow one another on the same machines; those marked `long` need TROUPE_DEPLOY=long.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import time

import pytest
from machines import possible, run
from site_fixture import BUILD, NoImageError, NoLeaderError, Site, make_package, repackage

long = pytest.mark.skipif(os.environ.get("TROUPE_DEPLOY") != "long", reason="needs TROUPE_DEPLOY=long")
missing = [p for p in ("debootstrap", "ssh", "nsenter", "dpkg-deb") if not shutil.which(p)]
pytestmark = pytest.mark.skipif(bool(missing or possible()), reason=f"{missing} {possible()}")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """This build, the next release, one that is too far away, and a next one that does not work."""
    folder = tmp_path_factory.mktemp("packages")
    now = make_package(folder)
    version = run("dpkg-deb", "-f", now, "Version").strip()
    major, minor, _ = version.split(".")
    return {"now": now,
            "next": repackage(now, folder, f"{major}.{int(minor) + 1}.0", BUILD / "bin/troupe-next"),
            "far": repackage(now, folder, f"{major}.{int(minor) + 3}.0"),
            "broken": repackage(now, folder, f"{major}.{int(minor) + 1}.1",
                                "#!/bin/sh\n[ \"$1\" != --version ] || { echo troupe 0.0.0; exit 0; }\nexit 1\n")}


@pytest.fixture(scope="module")
def site(packages, tmp_path_factory):
    try:
        made = Site(tmp_path_factory.mktemp("site"))
    except NoImageError as e:
        pytest.skip(f"no image of Debian: {e}")
    made.package = packages["now"]
    try:
        try:
            for name in ("one", "two", "three"):
                made.add(name)
        except (AssertionError, OSError, subprocess.SubprocessError) as e:
            pytest.skip(f"machines do not start here: {e}")
        made.write_inventory()
        yield made
    finally:
        made.close()


def wait_for(what, seconds=60):
    """Until it is so; nobody may lead meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if what():
                return
        except NoLeaderError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_an_unreachable_host_stops_it_before_anything_is_touched(site):
    inventory = site.inventory / "hosts.yml"
    text = inventory.read_text()
    inventory.write_text(text.replace("hosts: {one: {}, two: {}, three: {}}",
                                      "hosts: {one: {}, two: {}, three: {}, nowhere: {ansible_host: 10.77.0.200}}", 1))
    code, output, _ = site.playbook("site", "-e", '{"ansible_ssh_extra_args": "-o ConnectTimeout=2"}', "--limit", "one,nowhere",
                                    check=False)
    inventory.write_text(text)
    assert code != 0 and re.search("unreachable|timed out|No route", output, re.I)
    assert "Install what everything needs" not in output
    assert site.machines["one"].run("ls", "/etc/troupe", check=False) == ""


def test_bare_machines_become_a_cluster_that_answers(site):
    site.playbook("site")
    assert site.nodes_up() == {"one", "two", "three"}
    view = site.cluster()
    assert view["serving"] and view["redundant"]
    texts = {site.ask(gateway) for gateway in ("one", "two")}
    assert len(texts) == 1
    # Each service runs as its own user, said that it was ready, and is watched.
    for unit in ("troupe-supervisor", "troupe-node", "troupe-gateway"):
        shown = site.machines["one"].run("systemctl", "show", "-p", "ActiveState,StatusText,User,WatchdogUSec,LimitMEMLOCK", unit)
        assert "ActiveState=active" in shown and "User=troupe" in shown and "WatchdogUSec=30s" in shown
        assert re.search(r"StatusText=\S", shown), shown
    # Nobody comes in without a key.
    assert site.get("one", 8080, "/v1/models", key="none")[0] == 401
    assert site.get("one", 8090, "/cluster", key="none")[0] == 401
    # Supervisors find each other at etcd, which takes nobody without a certificate.
    settings = site.machines["two"].run("cat", "/etc/troupe/supervisor.toml")
    assert re.search(r'endpoints = "https://10\.77\.0\.2:2379,https://', settings)
    for words in ((), ("-k",)):
        assert run(*site.network.command("curl", "-s", "-m", "5", *words, "https://10.77.0.1:2379/version"), check=False) == ""
    assert run(*site.network.command("curl", "-s", "-m", "5", "http://10.77.0.1:2379/version"), check=False).strip() in (
        "", "Client sent an HTTP request to an HTTPS server.")


def test_a_second_run_and_a_check_change_nothing(site):
    for words in ([], ["--check"]):
        _, output, recap = site.playbook("site", *words)
        assert len(recap) >= 3
        for host, counts in recap.items():
            assert counts["changed"] == 0, (words, host, re.findall(r"TASK \[(.*?)\].*?\n(?:.*\n)*?changed: .*", output)[:5])


def test_prometheus_scrapes_every_process(site):
    def up():
        told = site.machines["three"].run("python3", "-c", "import urllib.request; print(urllib.request.urlopen("
                                          "'http://127.0.0.1:9090/api/v1/query?query=up').read().decode())", check=False)
        found = json.loads(told)["data"]["result"] if told.startswith("{") else []
        jobs = [r["metric"]["job"] for r in found if r["value"][1] == "1"]
        return sorted(jobs) == ["etcd"] * 3 + ["host"] * 3 + ["troupe-gateway"] * 2 + ["troupe-supervisor"] * 3
    wait_for(up, 60)
    machine = site.machines["one"]
    text = machine.run("cat", "/var/lib/prometheus/node-exporter/troupe-certificates.prom")
    assert text.count("troupe_certificate_expiry_timestamp_seconds{") == 2


def test_an_upgrade_under_load_loses_nothing(site, packages):
    with site.load() as load:
        site.playbook("upgrade", "-e", f"cluster_package={packages['next']}")
    assert load.found["whole"] > 0
    assert load.found["lost"] == [] and load.found["altered"] == []
    version = run("dpkg-deb", "-f", packages["next"], "Version").strip()
    for machine in site.machines.values():
        for unit in ("troupe-supervisor", "troupe-node"):
            running = machine.run("sh", "-c", f'exec "/proc/$(systemctl show -P MainPID {unit})/exe" --version')
            assert running.strip() == f"troupe {version}"
    # What is spoken goes up with the last of each pair: new supervisors with nodes of the former version, then with new ones.
    said = [m.run("journalctl", "-u", "troupe-supervisor", "--no-pager") for m in site.machines.values()]
    anew = "".join(text.split("Started troupe-supervisor", 2)[2] for text in said)
    assert "joins: troupe 0.1.0, control 6, data 3" in anew
    assert f"joins: troupe {version}, control 7, data 4" in anew
    site.package = packages["next"]
    site.write_inventory()


def test_a_full_disk_stops_it_before_anything_is_touched(site, packages):
    code, output, _ = site.playbook("upgrade", "-e", f"cluster_package={packages['next']}", "-e", "preflight_least_mib=99999999",
                                    check=False)
    assert code != 0 and "make room first" in output
    assert "Install the new version" not in output


def test_an_authority_that_has_run_out_stops_it_before_anything_is_touched(site):
    authority, key = (site.folder / f"secrets/authority{end}.pem" for end in ("", "-key"))
    good = authority.read_bytes()
    request = run("openssl", "req", "-new", "-key", key, "-subj", "/CN=late")
    authority.write_text(run("openssl", "x509", "-req", "-signkey", key, "-days", "-1", input=request))
    try:
        code, output, _ = site.playbook("site", check=False)
    finally:
        authority.write_bytes(good)
    assert code != 0 and "rotate_authority=true" in output
    assert "Install what everything needs" not in output


def test_a_key_that_is_not_good_stops_it_before_anything_is_touched(site, packages):
    for machine in site.machines.values():
        machine.run("sh", "-c", "cp -p /etc/troupe/operator.key /root/good.key && echo tr-wrong >/etc/troupe/operator.key")
    try:
        code, output, _ = site.playbook("upgrade", "-e", f"cluster_package={packages['next']}", check=False)
    finally:
        for machine in site.machines.values():
            machine.run("mv", "/root/good.key", "/etc/troupe/operator.key")
    assert code != 0 and "refuses the operator''s key" in output
    assert "Install the new version" not in output


def test_a_version_too_far_away_is_not_begun(site, packages):
    code, output, _ = site.playbook("upgrade", "-e", f"cluster_package={packages['far']}", check=False)
    assert code != 0 and "at most one apart" in output
    assert "Install the new version" not in output


@long
def test_an_upgrade_that_does_not_come_back_is_taken_back(site, packages):
    with site.load(clients=2) as load:
        code, output, _ = site.playbook("upgrade", "-e", f"cluster_package={packages['broken']}", "-e", "upgrade_patience_s=15",
                                        check=False)
    assert code != 0 and "every host has its former version again" in output
    assert load.found["lost"] == [] and load.found["altered"] == []
    version = run("dpkg-deb", "-f", packages["next"], "Version").strip()
    for machine in site.machines.values():
        assert machine.run("dpkg-query", "-W", "-f", "${Version}", "troupe") == version
    wait_for(lambda: site.cluster()["redundant"])
    assert site.nodes_up() == {"one", "two", "three"}


def test_another_node_joins_and_leaves_under_load(site):
    site.add("four")
    site.extra_nodes = ", four: {}"
    site.write_inventory()
    with site.load() as load:
        site.playbook("scale-out", "--limit", "four,supervisors")
        assert site.nodes_up() == {"one", "two", "three", "four"}
        # From peer to peer: what it has is what they have.
        sums = {m.run("sh", "-c", "cd /var/lib/troupe/models && find . -type f ! -name .checked.json | sort | xargs sha256sum")
                for m in site.machines.values()}
        assert len(sums) == 1
        site.playbook("drain-remove", "-e", "leaving=four")
        assert site.nodes_up() == {"one", "two", "three"}
    assert load.found["whole"] > 0
    assert load.found["lost"] == [] and load.found["altered"] == []
    log = site.machines["four"].run("journalctl", "-u", "troupe-node", "--no-pager")
    assert "has been drained and leaves" in log


def test_more_nodes_than_can_be_spared_are_not_taken_out(site):
    code, output, _ = site.playbook("drain-remove", "-e", "leaving=one,two", check=False)
    assert code != 0 and "leave at least 2" in output


def ledger(site, machine="one"):
    return int(site.machines[machine].run("/usr/local/lib/troupe/copy-database", "--check", "/var/lib/troupe/usage.db"))


def test_a_ledger_is_backed_up_and_restored(site):
    site.ask("one")
    before = ledger(site)
    assert before > 0
    site.playbook("backup-ledger")
    (backup,) = (site.folder / "secrets/ledgers").glob("one-*.db")
    assert sqlite3.connect(backup).execute("SELECT count(*) FROM usage").fetchone()[0] == before
    site.ask("one")
    assert ledger(site) == before + 1
    site.playbook("restore-ledger", "--limit", "one", "-e", f"backup={backup}")
    assert ledger(site) == before
    site.ask("one")
    assert ledger(site) == before + 1
    damaged = site.folder / "damaged.db"
    damaged.write_bytes(backup.read_bytes()[:3000])
    code, output, _ = site.playbook("restore-ledger", "--limit", "one", "-e", f"backup={damaged}", check=False)
    assert code != 0 and "Let answers end" not in output
    assert ledger(site) == before + 1


@long
def test_certificates_and_keys_are_rotated_while_it_serves(site):
    def serial():
        return site.machines["one"].run("openssl", "x509", "-noout", "-serial", "-issuer", "-in", "/etc/troupe/tls/certificate.pem")
    old, old_key = serial(), site.operator_key()
    with site.load(clients=2) as load:
        site.playbook("rotate-certificates", "-e", "rotate_authority=true")
    assert load.found["lost"] == [] and load.found["altered"] == []
    new = serial()
    assert old.splitlines()[0] != new.splitlines()[0] and old.splitlines()[1] != new.splitlines()[1]
    site.playbook("rotate-keys")
    assert site.operator_key() != old_key
    wait_for(lambda: site.get("one", 8080, "/v1/models", key=old_key)[0] == 401, 20)
    assert site.get("two", 8080, "/v1/models")[0] == 200


def test_the_loss_of_a_machine_is_survived(site):
    """Its supervisor, its member of etcd and its node go at once."""
    with site.load(clients=2) as load:
        site.machines["three"].kill()
        wait_for(lambda: site.cluster()["serving"] and site.nodes_up() == {"one", "two"}, 60)
    assert load.found["lost"] == [] and load.found["altered"] == []
    assert site.ask("two")


@long
def test_a_machine_that_comes_back_takes_its_place_by_itself(site):
    with site.load(clients=2) as load:
        site.machines["three"].start()
        wait_for(lambda: site.cluster()["redundant"] and site.nodes_up() == {"one", "two", "three"}, 180)
    assert load.found["lost"] == [] and load.found["altered"] == []
    words = (
        "etcdctl", "--endpoints=" + ",".join(f"https://{m.address}:2379" for m in list(site.machines.values())[:3]),
        *(f"--{name}=/etc/etcd/{file}.pem" for name, file in (("cacert", "authority"), ("cert", "certificate"), ("key", "key"))),
        "endpoint", "health")
    # It says so where others say what is wrong.
    wait_for(lambda: site.machines["three"].run("sh", "-c", " ".join(words) + " 2>&1", check=False).count("is healthy") == 3, 60)
