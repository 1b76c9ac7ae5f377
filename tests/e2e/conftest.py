"""What the end-to-end tests share: running servers and clients of them."""

import openai
import pytest

from test_cluster import MODEL, ask_all
from troupe_server import MODELS, Server, smollm2


@pytest.fixture(scope="session")
def model_file():
    """The SmolLM2 file; skips where it has not been fetched."""
    path = smollm2()
    if not path.exists():
        pytest.skip("SmolLM2 is missing; run tools/fetch-model.sh")
    return path


@pytest.fixture(scope="module")
def server(model_file):
    """SmolLM2, for a module's tests."""
    with Server(model_file, "--context", 2048) as running:
        yield running


@pytest.fixture(scope="module")
def tiny():
    """A tiny random mixture-of-experts model over several stages and expert shards."""
    with Server(MODELS / "tiny-qwen3-moe", "--stages", 2, "--expert-shards", 3) as running:
        yield running


def client_of(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def client(server):
    return client_of(server)


@pytest.fixture(scope="module")
def tiny_client(tiny):
    return client_of(tiny)


@pytest.fixture(scope="module")
def expected():
    """What one process answers to all streams of test_cluster."""
    with Server(MODEL) as alone:
        return ask_all(alone)
