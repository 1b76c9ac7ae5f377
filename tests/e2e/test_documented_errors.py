"""Every error that docs/api.md and docs/service.md name comes out of a server that is made to answer it."""

import contextlib
import http.client
import json
import pathlib
import re
import shutil
import socket
import sqlite3
import threading
import time
import urllib.error
import urllib.request

import pytest

from test_keys import key
from troupe_server import MODELS, Server

DOCS = pathlib.Path(__file__).parents[2] / "docs"
MODEL = MODELS / "tiny-qwen3-moe"
DASHSCOPE = "/api/v1/services/aigc/text-generation/generation"
# | 404 | `not_found` | ...   and   | 401 no key, ... | `invalid_api_key` | ...
ROW = re.compile(r"^\| ([45]\d\d)\b[^`]*`([a-z_]+)` \|", re.M)


def documented():
    return {(int(status), code) for page in ("api.md", "service.md") for status, code in ROW.findall((DOCS / page).read_text())}


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, json.loads(body)
        error = self.body if "code" in self.body else self.body.get("error") or {}
        self.code, self.type = error.get("code"), error.get("type")


def send(server, path, body=None, secret=None, method=None, content_type="application/json"):
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"Content-Type": content_type, **({"Authorization": f"Bearer {secret}"} if secret else {})}
    request = urllib.request.Request(server.url + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return Reply(reply.status, reply.headers, reply.read())
    except urllib.error.HTTPError as e:
        return Reply(e.code, e.headers, e.read())


def completion(server, tokens=1, **more):
    return {"model": server.model, "prompt": [5, 6, 7], "max_tokens": tokens, "ignore_eos": True, **more}


def generation(server, tokens=1):
    """The same of DashScope's."""
    return {"model": server.model, "input": {"messages": [{"role": "user", "content": "Hi"}]},
            "parameters": {"max_tokens": tokens, "result_format": "message"}}


def chat(server, **more):
    return {"model": server.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, **more}


def until(status, ask, seconds=30):
    """Asks until it is answered so; what it is answered before must be good."""
    deadline = time.monotonic() + seconds
    while (reply := ask()).status != status:
        assert reply.status == 200 and time.monotonic() < deadline, reply.body
    return reply


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One without keys whose every bound is small, so that it can be reached."""
    folder = tmp_path_factory.mktemp("errors")
    config = folder / "troupe.toml"
    config.write_text("[http]\nmax_body_mib = 1\nrunning_requests = 1\nmax_waiting = 1\n"
                      "[store]\nmax_background = 1\nmax_files_mib = 1\n")
    with Server(MODEL, "--store", folder / "store.db", "--config", config) as running:
        yield running


@contextlib.contextmanager
def busy(server, streams):
    """So many long streams under way or waiting."""
    over = threading.Event()

    def hold():
        while not over.is_set():
            with contextlib.suppress(urllib.error.HTTPError):
                with server.stream("/v1/completions", completion(server, 4000, stream=True)) as events:
                    for _ in events:
                        if over.is_set():
                            break

    threads = [threading.Thread(target=hold) for _ in range(streams)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def upload(server, size):
    content = (b'--X\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--X\r\nContent-Disposition: '
               b'form-data; name="file"; filename="a"\r\n\r\n' + b"x" * size + b"\r\n--X--\r\n")
    return send(server, "/v1/files", content, content_type="multipart/form-data; boundary=X")


def storage_limit_exceeded(server):
    return until(400, lambda: upload(server, 600_000))


def too_many_background_responses(server):
    body = {"model": server.model, "input": "Hi", "background": True, "max_output_tokens": 4000, "ignore_eos": True}
    begun = []

    def begin():
        begun.append(send(server, "/v1/responses", body))
        return begun[-1]

    reply = until(429, begin)
    for response in begun[:-1]:
        send(server, f"/v1/responses/{response.body['id']}/cancel", {})
    return reply


def queue_full(server):
    with busy(server, 3):
        return until(429, lambda: send(server, "/v1/completions", completion(server)))


def raw(server, request):
    """What bytes are answered that an HTTP client would not send."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        return Reply(reply.status, reply.headers, reply.read())


PLAIN = {
    (400, "invalid_http"): lambda s: raw(s, b"GET / HTTP/9.9\r\n\r\n"),
    (400, "invalid_json"): lambda s: send(s, "/v1/completions", b"{"),
    (400, "invalid_form"): lambda s: send(s, "/v1/files", b"none", content_type="multipart/form-data; boundary=X"),
    (400, "unknown_parameter"): lambda s: send(s, "/v1/completions", completion(s, temprature=1)),
    (400, "unsupported"): lambda s: send(s, "/v1/completions", completion(s, suffix="end")),
    (400, "invalid_structure"): lambda s: send(s, "/v1/chat/completions", chat(s, guided_regex="(")),
    (400, "context_length_exceeded"): lambda s: send(s, "/v1/completions", completion(s, prompt=[5] * 5000)),
    (400, "storage_limit_exceeded"): storage_limit_exceeded,
    (404, "unknown_url"): lambda s: send(s, "/v1/nothing"),
    (404, "model_not_found"): lambda s: send(s, "/v1/completions", {**completion(s), "model": "gpt-5"}),
    (404, "not_found"): lambda s: send(s, "/v1/responses/resp_0"),
    (404, "previous_response_not_found"): lambda s: send(
        s, "/v1/responses", {"model": s.model, "input": "Hi", "previous_response_id": "resp_0"}),
    (404, "no_cluster"): lambda s: send(s, "/cluster"),
    (405, "method_not_allowed"): lambda s: send(s, "/v1/completions"),
    (413, "request_too_large"): lambda s: send(s, "/v1/completions", b" " * (1 << 20) + b"{}"),
    (429, "queue_full"): queue_full,
    (429, "too_many_background_responses"): too_many_background_responses,
}


@pytest.mark.parametrize("named", PLAIN, ids=lambda n: n[1])
def test_an_error_of_one_request(server, named):
    reply = PLAIN[named](server)
    assert (reply.status, reply.code) == named, reply.body
    assert reply.body["error"]["message"] and (named[0] < 429) == ("Retry-After" not in reply.headers)
    assert send(server, "/v1/completions", completion(server)).status in (200, 429)


@pytest.mark.parametrize("status, request_", [
    (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    (417, b"POST /v1/files HTTP/1.1\r\nHost: a\r\nExpect: more\r\nContent-Length: 1\r\n\r\n"),
    (431, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n"),
    (501, b"POST /v1/files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")])
def test_what_is_not_served_of_http(server, status, request_):
    reply = raw(server, request_)
    assert (reply.status, reply.code) == (status, "invalid_http")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server of keys with every kind of limit: their secrets are in `secrets`."""
    file = tmp_path_factory.mktemp("keys") / "keys.db"
    limits = {"free": (), "scoped": ("--endpoints", "models"), "requests": ("--rpm", 1), "burst": ("--rpm", 60),
              "tokens": ("--tpm", 100), "budget": ("--budget", 20), "at-once": ("--tpm", 10)}
    secrets = {name: key("create", name, *limit, file=file).strip() for name, limit in limits.items()}
    with Server(MODEL, "--keys", file) as running:
        running.secrets = {**secrets, "none": "tr-none"}
        yield running


KEYED = [  # whose key, tokens of a request, what is answered at last, its type, DashScope's code
    ("none", 1, (401, "invalid_api_key"), "invalid_request_error", "InvalidApiKey"),
    ("scoped", 1, (403, "permission_denied"), "invalid_request_error", "AccessDenied"),
    ("requests", 1, (429, "rate_limit_exceeded"), "requests", "Throttling.RateQuota"),
    ("burst", 1, (429, "burst_rate_exceeded"), "requests", "Throttling.BurstRate"),
    ("tokens", 60, (429, "rate_limit_exceeded"), "tokens", "Throttling.AllocationQuota"),
    ("budget", 10, (429, "insufficient_quota"), "insufficient_quota", "Throttling.AllocationQuota"),
    ("at-once", 60, (400, "rate_limit_exceeded"), "invalid_request_error", "InvalidParameter"),
]


@pytest.mark.parametrize("who, tokens, named, kind, dashscope", KEYED, ids=[k[0] for k in KEYED])
def test_an_error_of_a_key(guarded, who, tokens, named, kind, dashscope):
    secret = guarded.secrets[who]
    reply = until(named[0], lambda: send(guarded, "/v1/completions", completion(guarded, tokens), secret))
    assert (reply.status, reply.code, reply.type) == (*named, kind), reply.body
    reply = until(named[0], lambda: send(guarded, DASHSCOPE, generation(guarded, tokens), secret))
    assert (reply.status, reply.code) == (named[0], dashscope), reply.body
    page = (DOCS / "service.md").read_text()
    assert any(f"| {named[0]} " in line and f"`{named[1]}`" in line and f"`{dashscope}`" in line and f"`{kind}`" in line
               for line in page.splitlines())


def test_a_chat_without_a_template(tmp_path):
    folder = shutil.copytree(MODEL, tmp_path / "model")
    (folder / "chat_template.jinja").unlink()
    with Server(folder) as plain:
        reply = send(plain, "/v1/chat/completions", chat(plain))
        assert (reply.status, reply.code) == (400, "no_chat_template")
        assert send(plain, "/v1/completions", completion(plain)).status == 200


def test_a_ledger_that_cannot_be_written(tmp_path):
    with Server(MODEL, "--ledger", tmp_path / "usage.db") as writing:
        assert send(writing, "/v1/completions", completion(writing)).status == 200
        other = sqlite3.connect(tmp_path / "usage.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        reply = send(writing, "/v1/completions", completion(writing))
        assert (reply.status, reply.code) == (503, "unavailable") and "Retry-After" in reply.headers
        other.execute("ROLLBACK")
        assert send(writing, "/v1/completions", completion(writing)).status == 200


def test_more_connections_than_may_be(tmp_path):
    (tmp_path / "troupe.toml").write_text("[http]\nmax_connections = 2\n")
    with Server(MODEL, "--config", tmp_path / "troupe.toml") as small, contextlib.ExitStack() as held:
        host, port = small.url.removeprefix("http://").split(":")
        until(200, lambda: send(small, "/v1/models"))
        for _ in range(2):
            held.enter_context(socket.create_connection((host, int(port)), timeout=30))
        reply = until(503, lambda: send(small, "/v1/models"))
        assert reply.code == "too_many_connections" and "Retry-After" in reply.headers


def test_each_that_is_documented_is_here_and_each_here_is_documented():
    produced = {*PLAIN, *(k[2] for k in KEYED), (400, "no_chat_template"), (503, "unavailable"), (503, "too_many_connections")}
    assert documented() == produced
