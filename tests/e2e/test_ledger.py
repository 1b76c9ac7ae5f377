"""The ledger in PostgreSQL: servers and databases that are killed, and what is wrong at a start."""

import csv
import decimal
import io
import json
import random
import threading
import time

import pytest

from postgres_server import PROGRAMS, Postgres
from test_usage import CLIENTS, MAINLAND, TINY, Asking, exact, price
from troupe_server import Gateway, Server, troupe

KILL_SECONDS = 20
PATIENCE_SECONDS = 10

pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL; run tools/install-deps.sh --tests")


@pytest.fixture(scope="module")
def database():
    with Postgres() as running:
        yield running


@pytest.fixture
def ledger(database):
    """An empty ledger, as a role of its own that has a schema and nothing else."""
    name = f"role{random.randrange(1 << 40)}"
    database.sql(f"CREATE ROLE {name} LOGIN")
    database.sql(f"CREATE SCHEMA AUTHORIZATION {name}")
    return Ledger(database, name)


class Ledger:
    def __init__(self, database, role):
        self.database, self.role = database, role
        self.address = database.address(role)

    def rows(self):
        """Every answer, by its id."""
        found = [json.loads(line) for line in self.database.sql(
            "SELECT row_to_json(t) FROM (SELECT *, cost::text AS exact FROM troupe_usage) t", self.role)]
        assert len({row["id"] for row in found}) == len(found)
        return {row["id"]: row for row in found}

    def check(self, told):
        """Every answer that clients were told the end of is there, as they were told it."""
        kept = self.rows()
        assert not told.keys() - kept.keys()
        for id, usage in told.items():
            row = kept[id]
            assert not row["cut"]
            if usage is not None:
                assert row["input_tokens"] == usage["prompt_tokens"]
                assert row["output_tokens"] == usage["completion_tokens"]
                assert decimal.Decimal(row["exact"]) == exact(usage["cost"]) == price(usage)
        return kept


def body_of(server, tokens=3):
    return json.dumps({"model": server.model, "prompt": "Hello", "max_tokens": tokens,
                       "ignore_eos": True}).encode()


def ask(server):
    """(status, answer) of one short request."""
    status, text = server.post("/v1/completions", body_of(server))
    return status, json.loads(text)


def test_kill_9_of_the_server_loses_no_answer_and_counts_none_twice(ledger):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    told, kills = {}, 0
    deadline = time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        server = Server(TINY, "--prices", MAINLAND, "--ledger", ledger.address, "--threads", 1)
        clients = [Asking(server, draw.random()) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        threading.Event().wait(draw.uniform(0, 1))
        server.process.kill()
        server.process.wait()
        for client in clients:
            client.join(60)
            assert not client.is_alive()
            assert not told.keys() & client.ended.keys()
            told |= client.ended
        kills += 1
        kept = ledger.check(told)
    assert kills >= 3 and len(told) >= 10, (kills, len(told))
    assert len(kept) - len(told) <= kills * CLIENTS
    code, out, err = troupe("usage", "--ledger", ledger.address, "--by", "total", "--csv")
    assert code == 0, err
    line, = csv.DictReader(io.StringIO(out))
    assert int(line["answers"]) == len(kept)
    assert decimal.Decimal(line["cost"]) == sum(decimal.Decimal(r["exact"]) for r in kept.values())
    print(kills, "kills,", len(told), "answers told,", len(kept), "kept")


class Counting(threading.Thread):
    """Asks for one answer after another until it is told to stop, and keeps what it was told."""

    def __init__(self, server):
        super().__init__()
        self.server, self.ended, self.refused = server, {}, []
        self.stop = threading.Event()

    def run(self):
        while not self.stop.is_set():
            status, answer = ask(self.server)
            if status == 200:
                self.ended[answer["id"]] = answer["usage"]
            else:
                self.refused.append((status, answer))


def test_answers_wait_for_a_database_that_is_killed_and_comes_back(database, ledger):
    with Server(TINY, "--prices", MAINLAND, "--ledger", ledger.address, "--threads", 1) as server:
        clients = [Counting(server) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(3):
            before = sum(len(c.ended) for c in clients)
            deadline = time.monotonic() + 60
            while sum(len(c.ended) for c in clients) < before + 10:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            database.kill()
            database.start()
        for client in clients:
            client.stop.set()
        for client in clients:
            client.join(60)
            assert not client.is_alive() and not client.refused, client.refused
        told = {id: usage for c in clients for id, usage in c.ended.items()}
        kept = ledger.check(told)
        assert len(kept) == len(told)
        assert "it is away, and tried again" in server.errors() and "it is back" in server.errors()


def test_answers_end_with_an_error_where_the_database_stays_away(database, ledger):
    with Server(TINY, "--ledger", ledger.address, "--threads", 1) as server:
        assert ask(server)[0] == 200
        database.kill()
        try:
            begin = time.monotonic()
            status, answer = ask(server)
            assert status == 503 and "error" in answer
            assert PATIENCE_SECONDS - 1 < time.monotonic() - begin < 3 * PATIENCE_SECONDS
        finally:
            database.start()
        deadline = time.monotonic() + 30
        while ask(server)[0] != 200:
            assert time.monotonic() < deadline
        assert len(ledger.rows()) >= 2
        assert server.metric("troupe_ledger_errors_total") >= 1


def test_a_cluster_and_its_gateway_share_a_database_and_a_report_reads_files_beside_it(ledger, tmp_path):
    file = tmp_path / "usage.db"
    with Server(TINY, "--workers", 1, "--redundancy", 1, "--ledger", ledger.address) as head, \
         Gateway(head, options=("--ledger", ledger.address)) as gateway:
        ids = {ask(head)[1]["id"], ask(gateway)[1]["id"]}
        assert set(ledger.rows()) == ids
    with Server(TINY, "--ledger", file, "--threads", 1) as server:
        assert ask(server)[0] == 200
    code, out, err = troupe("usage", "--ledger", ledger.address, "--ledger", file, "--by", "total", "--csv")
    assert code == 0, err
    line, = csv.DictReader(io.StringIO(out))
    assert int(line["answers"]) == 3 and int(line["output_tokens"]) == 9


def test_what_is_wrong_is_said_at_the_start_in_one_line(database, tmp_path):
    database.sql("CREATE ROLE secured LOGIN PASSWORD 'opensesame'")
    database.sql("CREATE SCHEMA AUTHORIZATION secured")
    database.sql("CREATE ROLE poor LOGIN")
    passwords = tmp_path / "passwords"
    passwords.write_text("*:*:*:secured:opensesame\n")
    passwords.chmod(0o600)
    env = {"PGPASSFILE": str(tmp_path / "none")}
    secured = database.address("secured")
    for address, words, environment in [
            ("postgresql://troupe@127.0.0.1:1/base", "Connection refused", env),
            (secured, "no password supplied", env),
            (secured, "password authentication failed", env | {"PGPASSWORD": "wrong"}),
            (database.address("poor"), "permission denied for schema public", env),
            (database.address("secured:opensesame"), "holds a password", env)]:
        code, out, err = troupe("serve", TINY, "--port", 0, "--ledger", address, env=environment)
        assert code != 0 and out == "" and words in err, (address, err)
        assert err.count("\n") == 1 and "opensesame" not in err, err
    for known in (env | {"PGPASSWORD": "opensesame"}, env | {"PGPASSFILE": str(passwords)}):
        code, out, err = troupe("usage", "--ledger", secured, env=known)
        assert "there is no table troupe_usage" in err, err
    code, out, err = troupe("usage", "--ledger", f"{secured}&passfile={passwords}", env=env)
    assert "there is no table troupe_usage" in err, err
    code, out, err = troupe("serve", "--print-config", "--ledger", secured, env={"PGPASSWORD": "opensesame"})
    assert code == 0 and secured in out and "opensesame" not in out + err
    configuration = tmp_path / "troupe.toml"
    configuration.write_text(f'[billing]\nledger = "{database.address("secured:opensesame")}"\n')
    code, out, err = troupe("serve", "--config", configuration, "--print-config")
    assert code != 0 and "holds a password" in err and "opensesame" not in out + err
