"""The processes of a cluster whose supervisors stand by on etcd."""

import re
import subprocess
import tempfile
import time

import troupe_server
from troupe_server import START_SECONDS, Server, read


class Supervisor(Server):
    """One of several; its greeting says where HTTP is, before it leads."""

    command = "supervisor"

    def __init__(self, model, etcd, join_port, label, nodes, *options, binary=None):
        self.join = f"127.0.0.1:{join_port}"
        self.label = label
        super().__init__("--model", model, "--registry", "etcd", "--etcd", etcd.url, "--join-port", join_port,
                         "--nodes", nodes, "--label", label, *options, binary=binary)

    def _wait_for_greeting(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = re.search(r"Supervisor \S+ of (\S+) at (http://\S+)\.\n", read(self.output))
            if found:
                return f"Serving {found.group(1)} at {found.group(2)}/v1 "
            assert self.process.poll() is None, read(self.log)
            time.sleep(0.02)
        raise AssertionError(f"the supervisor did not start:\n{read(self.output)}{read(self.log)}")

    def join_address(self):
        return self.join

    def port(self):
        return self.join.rsplit(":", 1)[1]

    def leads(self):
        return "Leading at" in read(self.output)


class Node:
    """A node, which looks for whoever leads."""

    def __init__(self, supervisors, name, *options, memory_mib=512, binary=None):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [binary or troupe_server.BINARY, "node", "--join", ",".join(s.join for s in supervisors), "--name", name,
             "--threads", "1", "--memory-mib", str(memory_mib), *map(str, options)], stdout=self.log, stderr=self.log, text=True)

    def said(self):
        return read(self.log)
