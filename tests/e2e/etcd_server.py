"""A real etcd on free ports of this machine, for tests."""

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

    def __init__(self, authority=None):
        """`authority`: who has signed it and everybody whom it lets in, over TLS."""
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
        self.start()

    def start(self):
        data = pathlib.Path(self.directory.name) / "data"
        self.process = subprocess.Popen(
            [etcd_binary(), "--name", "test", "--data-dir", data, "--listen-client-urls", self.url,
             "--advertise-client-urls", self.url, "--listen-peer-urls", self.peer,
             "--initial-advertise-peer-urls", self.peer, "--initial-cluster", f"test={self.peer}", *self.words],
            stdout=self.log, stderr=self.log)
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
