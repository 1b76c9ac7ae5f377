"""Keys: made and revoked on the command line, asked for by the server."""

import json
import re

from troupe_server import troupe


def key(*arguments, file):
    code, out, errors = troupe("key", *arguments, "--keys", file)
    assert code == 0, errors
    return out


def refused(words, *arguments):
    code, out, errors = troupe("key", *arguments)
    assert code != 0 and out == ""
    assert words in errors.strip().splitlines()[-1]


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path):
    file = tmp_path / "keys.db"
    secret = key("create", "alice", "--rpm", 60, "--models", "one,two", file=file).strip()
    assert re.fullmatch(r"tr-[0-9a-f]{64}", secret)
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret not in key("list", file=file)
    assert not any(secret.encode() in f.read_bytes() for f in tmp_path.iterdir())
    [row] = json.loads(key("list", "--json", file=file))
    assert row["name"] == "alice" and row["state"] == "in force" and row["requests_per_minute"] == 60
    assert row["models"] == ["one", "two"] and secret.startswith(row["key"].split("...")[0])


def test_limits_change_one_by_one_and_a_revoked_key_stays_listed(tmp_path):
    file = tmp_path / "keys.db"
    key("create", "alice", "--rpm", 60, file=file)
    key("limit", "alice", "--tpm", 1000, file=file)
    key("limit", "alice", "--rpm", "none", file=file)
    key("revoke", "alice", file=file)
    [row] = json.loads(key("list", "--json", file=file))
    assert row["requests_per_minute"] is None and row["tokens_per_minute"] == 1000
    assert row["state"] == "revoked"


def test_what_is_wrong_is_said(tmp_path):
    file = tmp_path / "keys.db"
    refused("no such file", "list", "--keys", file)
    key("create", "alice", file=file)
    refused("called 'alice' already", "create", "alice", "--keys", file)
    refused("letters, digits", "create", "two words", "--keys", file)
    refused("there are chat, completions", "create", "bob", "--endpoints", "chats", "--keys", file)
    refused("--rpm: '0'", "create", "bob", "--rpm", 0, "--keys", file)
    refused("30d", "create", "bob", "--expires-in", "soon", "--keys", file)
    refused("no key in force is called 'bob'", "revoke", "bob", "--keys", file)
    refused("Give --rpm", "limit", "alice", "--keys", file)
    other = tmp_path / "other"
    other.write_text("not a database, whatever its size is" * 100)
    refused("not a database", "list", "--keys", other)
