"""Machines for the deployment's test: Debian roots with a systemd of their own, on a network that only they are on.

Each is a set of namespaces over a copy-on-write view of one image. A bridge in a namespace of its own connects them;
whoever talks to them (Ansible over ssh, clients over HTTP) runs in there too, through Network.command(), so that
nothing of this reaches the machine's own network.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

START_SECONDS = 60
SUBNET = "10.77.0"

# Runs as the first process of new namespaces, with the root's folders as arguments.
BOOT = r"""
set -e
root=$1 image=$2 upper=$3 work=$4 name=$5
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$image,upperdir=$upper,workdir=$work" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
for n in null zero full random urandom tty; do touch dev/$n; mount --bind /dev/$n dev/$n; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  umount sys/fs/cgroup
  mount -t cgroup2 cgroup2 sys/fs/cgroup
else
  mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd,xattr cgroup sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
fi
hostname "$name"
# A root of its own: in a mere chroot nobody may make user namespaces.
pivot_root . mnt
cd /
umount -l /mnt
exec env -i container=troupe-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target --show-status=no
"""


def run(*words, check=True, seconds=60, **options):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=seconds, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def possible():
    """Why machines cannot be made here; empty: they can."""
    if os.geteuid() != 0:
        return "machines need root"
    done = subprocess.run(["unshare", "-n", "-m", "-p", "-u", "-C", "-i", "-f", "ip", "link", "add", "name", "bridge", "type", "bridge"],
                          capture_output=True, text=True, timeout=30, check=False)
    return "" if done.returncode == 0 else f"namespaces cannot be made here: {done.stderr.strip()}"


class Network:
    """A bridge in a namespace of its own, which a sleeping process holds."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        deadline = time.monotonic() + START_SECONDS
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            assert time.monotonic() < deadline, "the network did not come to be"
            time.sleep(0.01)
        for words in (["link", "set", "lo", "up"], ["link", "add", "bridge", "type", "bridge"],
                      ["addr", "add", f"{SUBNET}.254/24", "dev", "bridge"], ["link", "set", "bridge", "up"]):
            run(*self.command("ip", *words))

    def command(self, *words):
        """The command line that runs `words` in the network."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *map(str, words)]

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Machine:
    """One machine: it is up once its sshd answers."""

    def __init__(self, network, image, folder, number, name, key):
        self.name, self.address = name, f"{SUBNET}.{number}"
        self.folder = pathlib.Path(folder) / name
        self.network = network
        for part in ("root", "upper", "work"):
            (self.folder / part).mkdir(parents=True)
        self.number, self.image = number, image
        self._furnish(key)
        self.start()

    def start(self):
        """Switches it on, with what its disk has."""
        # In every hierarchy that a systemd keeps its units in: machines must not share any.
        self.cgroups = [pathlib.Path("/sys/fs/cgroup") / h / f"troupe-test-{os.getpid()}-{self.name}"
                        for h in ("systemd", "unified", "") if (pathlib.Path("/sys/fs/cgroup") / h / "cgroup.procs").exists()]
        for cgroup in self.cgroups:
            cgroup.mkdir(exist_ok=True)
        self.log = open(self.folder / "boot.log", "a", encoding="utf-8")
        command = ["unshare", "-C", "-n", "-m", "-p", "-u", "-i", "-f", "--kill-child", "bash", "-c", BOOT, "boot",
                   self.folder / "root", self.image, self.folder / "upper", self.folder / "work", self.name]
        self.process = subprocess.Popen(list(map(str, command)), stdout=self.log, stderr=self.log,
                                        start_new_session=True, preexec_fn=self._enter_cgroup)
        self.pid = self._first_process()
        self._connect(self.number)

    def _furnish(self, key):
        """What this machine's image does not have: its name, and who may come in."""
        upper = self.folder / "upper"
        for folder in ("etc/ssh", "root/.ssh"):
            (upper / folder).mkdir(parents=True, mode=0o700)
        (upper / "etc").chmod(0o755)
        (upper / "etc/ssh").chmod(0o755)
        (upper / "etc/hostname").write_text(self.name + "\n")
        (upper / "etc/hosts").write_text(f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        (upper / "root/.ssh/authorized_keys").write_text(pathlib.Path(f"{key}.pub").read_text())
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", upper / "etc/ssh/ssh_host_ed25519_key")

    def host_key(self):
        return f"{self.address} {(self.folder / 'upper/etc/ssh/ssh_host_ed25519_key.pub').read_text()}"

    def _enter_cgroup(self):
        for cgroup in self.cgroups:
            (cgroup / "cgroup.procs").write_text(str(os.getpid()))

    def _first_process(self):
        """The systemd, once it is there."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for pid in children.read_text().split():
                with contextlib.suppress(OSError):
                    if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                        return int(pid)
            assert self.process.poll() is None, (self.folder / "boot.log").read_text()
            time.sleep(0.02)
        raise AssertionError(f"{self.name} did not start: {(self.folder / 'boot.log').read_text()}")

    def _connect(self, number):
        port = f"port{number}"
        run(*self.network.command("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid)))
        run(*self.network.command("ip", "link", "set", port, "master", "bridge", "up"))
        for words in (["link", "set", "lo", "up"], ["addr", "add", f"{self.address}/24", "dev", "eth0"],
                      ["link", "set", "eth0", "up"]):
            run("nsenter", f"--net=/proc/{self.pid}/ns/net", "ip", *words)

    def run(self, *words, check=True, seconds=60):
        """Runs a command on the machine as its root."""
        return run("nsenter", "-t", self.pid, "-m", "-p", "-n", "-u", "-i", "-C", f"--root=/proc/{self.pid}/root", "--wd=/",
                   "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", *words,
                   check=check, seconds=seconds)

    def kill(self):
        """As when its power fails."""
        if self.pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.pid = None
        self.process.kill()
        self.process.wait(START_SECONDS)
        self.log.close()
        deadline = time.monotonic() + 5
        while any(c.exists() for c in self.cgroups) and time.monotonic() < deadline:
            # Its processes are still on their way out.
            for cgroup in self.cgroups:
                for path in [*sorted((p for p in cgroup.rglob("*") if p.is_dir()), reverse=True), cgroup]:
                    with contextlib.suppress(OSError):
                        path.rmdir()
            time.sleep(0.02)
