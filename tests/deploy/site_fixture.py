"""A cluster on the test's machines, and its playbooks."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from machines import Machine, Network, run

ROOT = pathlib.Path(__file__).parents[2]
ANSIBLE = ROOT / "ansible"
BUILD = pathlib.Path(os.environ.get("TROUPE_BIN", ROOT / "build/release/bin/troupe")).resolve().parents[1]
IMAGE = ROOT / "build/deploy-image"
MODEL = ROOT / "tests/data/reference/models/tiny-qwen3-moe"

INVENTORY = """
all:
  hosts:
%s  children:
    supervisors:
      hosts: {one: {}, two: {}, three: {}}
    etcd:
      children: {supervisors: }
    nodes:
      hosts: {one: {}, two: {}, three: {}%s}
    gateways:
      hosts: {one: {}, two: {}}
    monitoring:
      hosts: {three: {}}
"""

# Two shared cores are slower than machines of a datacenter, and have no kernel of their own.
SETTINGS = """
cluster_first_nodes: 3
base_packages: [openssl, python3]
base_apply_sysctl: false
node_threads: 1
node_memory_mib: 512
node_stop_timeout_s: 60
gateway_stop_timeout_s: 60
gateway_stop_notice_s: 1
supervisor_lifetime_s: 5
supervisor_suspect_after_ms: 2000
supervisor_gone_after_ms: 6000
supervisor_kv_memory_mib: 64
supervisor_engine: {threads: 1}
"""


class NoImageError(Exception):
    """The image of the machines cannot be made: its mirror is out of reach, mostly."""


class NoLeaderError(Exception):
    """No supervisor answers as the one that leads."""


def make_image():
    done = subprocess.run([ROOT / "tests/deploy/make_image.sh", IMAGE], capture_output=True, text=True, timeout=900,
                          check=False)
    if done.returncode != 0:
        raise NoImageError(done.stderr[-300:])


class Site:
    """Machines with nothing on them but their image, and what playbooks need to reach them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        make_image()
        self.key = self.folder / "ssh-key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        self.network = Network()
        self.machines = {}
        self.extra_nodes = ""
        self.package = None
        self.inventory = self.folder / "inventory"
        (self.inventory / "group_vars/all").mkdir(parents=True)
        shutil.copy(ANSIBLE / "defaults.yml", self.inventory / "group_vars/all/00-defaults.yml")

    def add(self, name):
        number = len(self.machines) + 1
        self.machines[name] = Machine(self.network, IMAGE, self.folder / "machines", number, name, self.key)

    def write_inventory(self):
        hosts = "".join(f"    {name}: {{ansible_host: {m.address}}}\n" for name, m in self.machines.items())
        (self.inventory / "hosts.yml").write_text(INVENTORY % (hosts, self.extra_nodes))
        (self.folder / "known_hosts").write_text("".join(m.host_key() for m in self.machines.values()))
        (self.inventory / "group_vars/all/10-test.yml").write_text(SETTINGS + f"""
cluster_package: {self.package}
cluster_model: {MODEL}
pki_directory: {self.folder}/secrets
ansible_user: root
ansible_python_interpreter: /usr/bin/python3
ansible_ssh_private_key_file: {self.key}
ansible_ssh_common_args: -o UserKnownHostsFile={self.folder}/known_hosts
""")

    def playbook(self, name, *words, check=True, seconds=580):
        """(exit code, output, {host: {"changed": n, ...}})"""
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
                       "LC_ALL": "C.UTF-8", "ANSIBLE_FORKS": "4"}
        done = subprocess.run(
            self.network.command(pathlib.Path(sys.executable).parent / "ansible-playbook", "-i", self.inventory / "hosts.yml",
                                 ANSIBLE / f"{name}.yml", *words),
            capture_output=True, text=True, timeout=seconds, check=False, env=environment, cwd=ANSIBLE)
        output = done.stdout + done.stderr
        (self.folder / f"{name}.log").write_text(output)
        if check:
            assert done.returncode == 0, output[-6000:]
        recap = {}
        for line in output.rpartition("PLAY RECAP")[2].splitlines():
            host, colon, counts = line.partition(" : ")
            if colon:
                recap[host.strip()] = dict((k, int(v)) for k, v in (c.split("=") for c in counts.split()))
        return done.returncode, output, recap

    def operator_key(self):
        return (self.folder / "secrets/operator.key").read_text().strip()

    def get(self, machine, port, path, key=None):
        """(status, body) of a GET from within the network."""
        told = run(*self.network.command(
            "curl", "-sS", "-m", "10", "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {key or self.operator_key()}",
            f"http://{self.machines[machine].address}:{port}{path}"), check=False)
        body, _, status = told.rpartition("\n")
        return int(status or 0), body

    def cluster(self):
        """The view of the supervisor that leads."""
        for name in ("one", "two", "three"):
            status, body = self.get(name, 8090, "/cluster")
            if status == 200:
                return json.loads(body)
        raise NoLeaderError("no supervisor leads")

    def nodes_up(self):
        return {n["name"] for n in self.cluster()["nodes"] if n["state"] == "up"}

    def ask(self, machine, tokens=8):
        """The text of an answer from a gateway."""
        told = run(*self.network.command(
            "curl", "-sS", "-m", "60", "-H", f"Authorization: Bearer {self.operator_key()}", "-H", "Content-Type: application/json",
            "-d", json.dumps({"model": MODEL.name, "prompt": "one", "max_tokens": tokens, "temperature": 0, "ignore_eos": True}),
            f"http://{self.machines[machine].address}:8080/v1/completions"), seconds=90)
        answer = json.loads(told)
        assert "choices" in answer, told
        return answer["choices"][0]["text"]

    def load(self, clients=4, tokens=60):
        return Load(self, clients, tokens)

    def close(self):
        for machine in self.machines.values():
            machine.kill()
        self.network.close()


class Load:
    """Clients at both gateways for the time of a `with` statement; `found` then has what came of it."""

    def __init__(self, site, clients, tokens):
        self.stop = site.folder / f"stop-{id(self)}"
        urls = ",".join(f"http://{site.machines[m].address}:8080" for m in ("one", "two"))
        self.process = subprocess.Popen(
            site.network.command(sys.executable, ROOT / "tests/deploy/load.py", self.stop, site.operator_key(), urls,
                                 "--model", MODEL.name, "--clients", clients, "--tokens", tokens),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.found = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.touch()
        out, err = self.process.communicate(timeout=180)
        assert self.process.returncode == 0, err
        self.found = json.loads(out)


def make_package(folder):
    """The package of this build; the same sources as the next release are linked beside it."""
    run("cmake", "--build", BUILD, "--target", "troupe_pages", "troupe_next", seconds=580)
    run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder, seconds=120)
    (made,) = pathlib.Path(folder).glob("troupe_*.deb")
    return made


def repackage(package, folder, version, program=None):
    """The package as another version; `program`, a file or a script's text, takes the place of troupe."""
    tree = pathlib.Path(folder) / f"tree-{version}"
    run("dpkg-deb", "-R", package, tree)
    control = tree / "DEBIAN/control"
    former = run("dpkg-deb", "-f", package, "Version").strip()
    control.write_text(control.read_text().replace(f"Version: {former}\n", f"Version: {version}\n"))
    binary = tree / "usr/bin/troupe"
    if isinstance(program, pathlib.Path):
        run("strip", "-o", binary, program)
    elif program:
        binary.write_text(program)
    binary.chmod(0o755)
    made = pathlib.Path(folder) / f"troupe_{version}_amd64.deb"
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tree, made)
    return made
