"""The playbooks by ansible-lint's strictest rules, and the example inventories."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ANSIBLE = pathlib.Path(__file__).parents[2] / "ansible"
PROGRAMS = pathlib.Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}


def run(*words, **options):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=300, check=False, cwd=ANSIBLE,
                          env=ENVIRONMENT, **options)


def test_the_production_profile_is_content():
    done = run(PROGRAMS / "ansible-lint", "--offline", "-p")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name, count, groups", [
    ("three", 3, {"supervisors": 3, "etcd": 3, "nodes": 3, "gateways": 2}),
    ("three-hundred", 312, {"supervisors": 3, "etcd": 3, "nodes": 300, "gateways": 8})])
def test_inventories_are_whole(name, count, groups):
    done = run(PROGRAMS / "ansible-inventory", "-i", f"inventories/{name}/hosts.yml", "--list")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert len(listed["_meta"]["hostvars"]) == count

    def hosts(group):
        entry = listed.get(group, {})
        return set(entry.get("hosts", [])).union(*(hosts(c) for c in entry.get("children", [])))
    assert {g: len(hosts(g)) for g in groups} == groups
    assert all(v["cluster_package"] for v in listed["_meta"]["hostvars"].values())


@pytest.mark.parametrize("playbook", sorted(p.name for p in ANSIBLE.glob("*.yml") if p.name != "defaults.yml"))
def test_each_playbook_can_be_read(playbook):
    done = run(PROGRAMS / "ansible-playbook", "--syntax-check", "-i", "inventories/three/hosts.yml", playbook)
    assert done.returncode == 0, done.stdout + done.stderr
