"""What is seen of requests: spans by OTLP, and a log in JSON."""

import json
import socket
import time

import openai
import pytest

from otlp_collector import Collector, attributes_of
from troupe_server import MODELS, Gateway, Server, troupe

MODEL = MODELS / "tiny-qwen3-moe"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=60)


def ask(server, tokens=8, flags="01", **options):
    return client(server).completions.create(
        model=server.model, prompt=[5, 6, 7], max_tokens=tokens, temperature=0, extra_body={"ignore_eos": True},
        extra_headers={"traceparent": f"00-{TRACE}-{PARENT}-{flags}", "x-request-id": "mine"}, **options)


def by_name(spans):
    return {s.name.split(" ")[0]: s for _, s in spans}


@pytest.fixture(scope="module")
def collector():
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def server(collector):
    with Server(MODEL, "--traces", collector.url, "--log-format", "json") as running:
        yield running


def test_a_request_has_spans_of_its_parts_within_its_clients_trace(server, collector):
    collector.messages.clear()
    began = time.time_ns()
    assert len(list(ask(server, stream=True))) >= 8
    spans = collector.wait_for(4)
    assert all(resource["service.name"] == "troupe" and resource["service.version"] for resource, _ in spans)
    named = by_name(spans)
    assert set(named) == {"text_completion", "queue", "prefill", "decode"}
    whole = named.pop("text_completion")
    assert whole.name == f"text_completion {server.model}" and whole.kind == whole.SPAN_KIND_SERVER
    assert whole.trace_id.hex() == TRACE and whole.parent_span_id.hex() == PARENT
    about = attributes_of(whole)
    assert about["gen_ai.operation.name"] == "text_completion" and about["gen_ai.request.model"] == server.model
    assert about["gen_ai.usage.input_tokens"] == 3 and about["gen_ai.usage.output_tokens"] == 8
    assert about["gen_ai.response.finish_reasons"] == ["length"]
    assert about["http.route"] == "/v1/completions" and about["http.response.status_code"] == 200
    assert about["troupe.request.id"] == "mine" and about["gen_ai.response.time_to_first_chunk"] > 0
    assert began <= whole.start_time_unix_nano <= whole.end_time_unix_nano <= time.time_ns()
    for part in named.values():
        assert part.trace_id == whole.trace_id and part.parent_span_id == whole.span_id
        assert whole.start_time_unix_nano <= part.start_time_unix_nano <= part.end_time_unix_nano
        assert part.end_time_unix_nano <= whole.end_time_unix_nano
    assert named["queue"].end_time_unix_nano == named["prefill"].start_time_unix_nano
    assert named["prefill"].end_time_unix_nano == named["decode"].start_time_unix_nano


def test_a_trace_that_its_client_does_not_keep_is_not_sent_and_one_without_begins_its_own(server, collector):
    collector.messages.clear()
    ask(server, flags="00")
    client(server).chat.completions.create(model=server.model, max_tokens=2, messages=[{"role": "user", "content": "a"}])
    spans = collector.wait_for(4)
    assert {s.trace_id.hex() for _, s in spans} != {TRACE} and len(spans) == 4
    assert by_name(spans)["chat"].parent_span_id == b""


def test_a_refused_request_is_a_span_too(server, collector):
    collector.messages.clear()
    with pytest.raises(openai.BadRequestError):
        ask(server, tokens=-1)
    [(_, span)] = collector.wait_for(1)
    assert attributes_of(span)["http.response.status_code"] == 400


def test_the_log_is_json_with_request_ids(server):
    ask(server)
    deadline = time.monotonic() + 20
    while True:
        lines = [json.loads(line) for line in server.errors().splitlines() if line.startswith("{")]
        found = [line for line in lines if line.get("request_id") == "mine" and line["status"] == 200]
        if found or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    line = found[-1]
    assert line["level"] == "info" and line["time"].endswith("Z") and line["trace_id"] == TRACE
    assert line["method"] == "POST" and line["path"] == "/v1/completions"
    assert line["prompt_tokens"] == 3 and line["completion_tokens"] == 8 and line["duration_ms"] > 0


def test_a_client_writes_no_lines_of_its_own_into_the_log(server):
    server.post("/v1/completions/%0a%7b%22level%22:%22error%22%7d%ff%1b[2J", b"{}")
    server.get("/v1/models")
    for line in server.errors().splitlines():
        if line.startswith("{"):
            assert json.loads(line)["level"] != "error"


def test_the_environment_names_the_collector_its_headers_and_the_service(monkeypatch):
    with Collector() as own:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", own.url + "/")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
        with Server(MODEL, "--workers", 1, "--redundancy", 1, "--threads", 1) as head, Gateway(head) as gateway:
            ask(gateway)
            assert own.wait_for(4)[0][0]["service.name"] == "mine"
            assert own.headers[0]["x-team"] == "a b"


def test_a_collector_that_is_away_costs_requests_nothing_and_gets_them_later():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with Server(MODEL, "--traces", f"http://127.0.0.1:{port}") as server:
        for _ in range(20):
            assert ask(server).usage.completion_tokens == 8
        deadline = time.monotonic() + 20
        while "spans cannot be sent" not in server.errors():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with Collector(port) as late:
            late.wait_for(80, seconds=60)


def test_a_collector_that_hangs_costs_requests_nothing():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with Server(MODEL, "--traces", f"http://127.0.0.1:{silent.getsockname()[1]}") as server:
            for _ in range(20):
                began = time.monotonic()
                assert ask(server).usage.completion_tokens == 8
                assert time.monotonic() - began < 20


def test_what_is_no_collector_is_said():
    code, _, errors = troupe("serve", MODEL, "--port", 0, "--traces", "collector:4317")
    assert code == 1 and "collector:4317" in errors and "4318" in errors
