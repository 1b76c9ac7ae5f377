"""A real PostgreSQL on a socket of its own, for tests. As a program it runs a command beside one, whose address the
command finds in TROUPE_TEST_POSTGRES; without PostgreSQL the command runs all the same, and without it."""

import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

START_SECONDS = 60
PROGRAMS = next(iter(sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)), None)


class Postgres:
    """One server; it can be killed and started again with its data. The roles `postgres` and those that a test makes
    come in without a password, `secured` with one."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="pg")
        self.data = pathlib.Path(self.directory.name) / "data"
        self.log = tempfile.TemporaryFile(mode="w+")
        # It refuses to run as root.
        self.user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid,
                     "extra_groups": []} if os.geteuid() == 0 else {}
        if self.user:
            shutil.chown(self.directory.name, "nobody")
        os.chmod(self.directory.name, 0o711)
        self.process = None
        self._run("initdb", "--pgdata", self.data, "--username", "postgres", "--auth", "trust",
                  "--encoding", "UTF8", "--no-locale", "--no-sync")
        access = self.data / "pg_hba.conf"
        access.write_text("local all secured scram-sha-256\nlocal all all trust\n")
        self.start()

    def _run(self, program, *arguments):
        subprocess.run([f"{PROGRAMS}/{program}", *map(str, arguments)], stdout=self.log,
                       stderr=self.log, check=True, timeout=START_SECONDS, cwd="/", **self.user)

    def address(self, role="postgres", more=""):
        return f"postgresql://{role}@/postgres?host={self.directory.name}{more}"

    def sql(self, text, role="postgres"):
        """The rows of a statement, as text, columns with | between."""
        done = subprocess.run([f"{PROGRAMS}/psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1",
                               "-c", text, self.address(role)],
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise OSError(done.stderr)
        return done.stdout.splitlines()

    def start(self):
        """Returns once it answers."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                # After a kill it waits for its predecessor's last process, and says so by ending.
                self.process = subprocess.Popen(
                    [f"{PROGRAMS}/postgres", "-D", self.data, "-k", self.directory.name, "-c",
                     "listen_addresses=", "-c", "max_connections=50"],
                    stdout=self.log, stderr=self.log, cwd="/", **self.user)
            try:
                self.sql("SELECT 1")
                return
            except OSError:
                time.sleep(0.05)
        self.kill()
        self.log.seek(0)
        raise AssertionError(f"PostgreSQL did not start:\n{self.log.read()}")

    def kill(self):
        """As kill -9 does; its other processes end when they notice."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(START_SECONDS)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.directory.cleanup()


def main():
    if PROGRAMS is None:
        print("PostgreSQL is missing; run tools/install-deps.sh --tests", file=sys.stderr)
        return subprocess.run(sys.argv[1:], check=False).returncode
    with Postgres() as server:
        environment = {**os.environ, "TROUPE_TEST_POSTGRES": server.address()}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
