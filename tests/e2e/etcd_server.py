"""A real etcd on free ports of this machine, for tests."""

import json
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

START_SECONDS = 30


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def etcd_binary():
    return shutil.which("etcd")


class Etcd:
    """One member; it can be killed and started again with its data."""

    def __init__(self, authority=None, name="alone"):
        """`authority`: who has signed it and everybody whom it lets in, over TLS. One that is not
        alone is started once it knows its `members`."""
        self.name = name
        self.directory = tempfile.TemporaryDirectory()
        self.tls, self.words = None, []
        if authority:
            certificate, key = authority.sign("etcd", hosts=["127.0.0.1"])
            self.tls = ssl.create_default_context(cafile=authority.file)
            self.tls.load_cert_chain(certificate, key)
            self.words = ["--cert-file", certificate, "--key-file", key, "--trusted-ca-file", authority.file,
                          "--client-cert-auth"]
        self.url = f"http{'s' if authority else ''}://127.0.0.1:{free_port()}"
        self.peer = f"http://127.0.0.1:{free_port()}"
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = None
        self.members = f"{name}={self.peer}"
        if name == "alone":
            self.start()

    def start(self):
        self.launch()
        self.await_health()

    def launch(self):
        data = pathlib.Path(self.directory.name) / "data"
        self.process = subprocess.Popen(
            [etcd_binary(), "--name", self.name, "--data-dir", data, "--listen-client-urls", self.url,
             "--advertise-client-urls", self.url, "--listen-peer-urls", self.peer,
             "--initial-advertise-peer-urls", self.peer, "--initial-cluster", self.members, *self.words],
            stdout=self.log, stderr=self.log)

    def await_health(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self.url + "/health", timeout=1, context=self.tls) as reply:
                    if b'"true"' in reply.read():
                        return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        self.kill()
        raise AssertionError("etcd did not start")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(START_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
        self.directory.cleanup()


class EtcdTrio:
    """Three members that agree; one may be lost."""

    def __init__(self):
        self.members = [Etcd(name=name) for name in ("one", "two", "three")]
        everybody = ",".join(m.members for m in self.members)
        for member in self.members:
            member.members = everybody
            member.launch()
        for member in self.members:
            member.await_health()
        self.url = ",".join(m.url for m in self.members)

    def leader(self):
        """The member that the others follow."""
        for member in self.members:
            request = urllib.request.Request(member.url + "/v3/maintenance/status", data=b"{}")
            with urllib.request.urlopen(request, timeout=5) as reply:
                status = json.load(reply)
            if status["leader"] == status["header"]["member_id"]:
                return member
        raise AssertionError("no member leads")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.__exit__()
