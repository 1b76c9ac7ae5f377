"""/openapi.json is true to the server: schemathesis asks what the document allows, and what it does not."""

import json
import pathlib
import re
import subprocess

import pytest

from conftest import client_of
from troupe_server import MODELS, Gateway, Server

VENV = pathlib.Path(__file__).parents[2] / "tools" / "venv.sh"
SEED = 20
EXAMPLES = 15
STREAMS = ("/v1/chat/completions", "/v1/completions", "/api/v1/services/aigc/text-generation/generation")
KEPT = re.compile(r"/v1/(responses|files|batches)/\{id\}")
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_headers_conformance", "response_schema_conformance", "unsupported_method",
          "allow_header_conformance", "negative_data_rejection")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Server(MODELS / "tiny-qwen3-moe", "--context", 256, "--workers", 2,
                "--store", tmp_path_factory.mktemp("store") / "store.db",
                "--reasoning-parser", "think", "--tool-parser", "hermes") as running:
        yield running


def document_for(server):
    """The server's document, narrowed to the model that it serves: most requests get an answer."""
    status, text = server.get("/openapi.json")
    assert status == 200
    document = json.loads(text.replace('"MODEL"', json.dumps(server.model)))
    schemas = document["components"]["schemas"]
    schemas["ModelName"] = {"const": server.model}
    schemas["Token"]["maximum"] = json.loads(server.get("/tokenizer_info")[1])["vocab_size"] - 1
    return document


def ask(server, document, folder, *options, checks=CHECKS):
    """What schemathesis got, as statuses by path; it must have found nothing."""
    written, report = folder / "openapi.json", folder / "har.json"
    written.write_text(json.dumps(document))
    done = subprocess.run(
        [VENV, "--for", "schemathesis", "-m", "schemathesis.cli", "run", written, "--url", server.url,
         "--phases", "examples,coverage,fuzzing", "--checks", ",".join(checks), "--continue-on-failure",
         "--seed", str(SEED), "--max-examples", str(EXAMPLES), "--request-timeout", "60",
         "--report", "har", "--report-har-path", report, *options],
        check=False, capture_output=True, text=True, timeout=600, cwd=folder)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-3000:]
    answered = {}
    for entry in json.loads(report.read_text())["log"]["entries"]:
        path = entry["request"]["url"].removeprefix(server.url).split("?")[0]
        answered.setdefault(path, set()).add(entry["response"]["status"])
    return answered


def test_requests_and_answers_are_as_the_document_says(cluster, tmp_path):
    document = document_for(cluster)
    answered = ask(cluster, document, tmp_path)
    # It says little about what is always refused.
    refused = {"/cluster/drain", *(p + "/{id}" for p in STREAMS), *(p for p in document["paths"] if KEPT.match(p))}
    for path in document["paths"]:
        if path not in refused:
            assert 200 in answered[path.replace("{id}", cluster.model)], (path, answered)


def test_what_is_kept_is_as_the_document_says(cluster, tmp_path):
    document = document_for(cluster)
    client = client_of(cluster)
    file = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/completions", completion_window="24h")
    response = client.responses.create(model=cluster.model, input="Hello", max_output_tokens=4, background=True)
    names = {"StoredResponseId": response.id, "FileId": file.id, "BatchId": batch.id}
    for parameter, name in names.items():
        document["components"]["parameters"][parameter]["schema"] = {"const": name}
    # What deletes comes last elsewhere; a query cannot show all that is wrong.
    checks = [c for c in CHECKS if c not in ("negative_data_rejection", "unsupported_method")]
    answered = ask(cluster, document, tmp_path, "--include-path-regex", r"/v1/(responses|files|batches)/\{id\}",
                   "--exclude-method", "DELETE", checks=checks)
    for path in document["paths"]:
        if KEPT.match(path):
            kind = path.split("/")[2]
            name = names[{"responses": "StoredResponseId", "files": "FileId", "batches": "BatchId"}[kind]]
            assert 200 in answered[path.replace("{id}", name)], (path, answered)


def test_streams_to_come_back_for_are_as_the_document_says(cluster, tmp_path):
    with Gateway(cluster) as gateway:
        document = document_for(gateway)
        path = "/v1/completions"
        with gateway.stream(path, {"model": gateway.model, "prompt": "The sea", "stream": True}) as events:
            name = [e["id"] for e in events][-1]
        document["components"]["parameters"]["ResponseId"]["schema"] = {"const": name}
        # A query cannot show all that is wrong: an empty object is not there at all.
        checks = [c for c in CHECKS if c != "negative_data_rejection"]
        answered = ask(gateway, document, tmp_path, "--include-path", path + "/{id}", checks=checks)
        assert 200 in answered[f"{path}/{name}"], answered


def test_the_cluster_still_serves_behind_it(cluster):
    assert cluster.get("/health") == (200, '{"status":"ok"}')
