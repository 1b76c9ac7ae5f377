"""HTTP over TLS, with the real openai client: it believes the authority and nobody else; certificates change under it."""

import socket
import ssl
import time

import httpx
import openai
import pytest

from authority import Authority
from troupe_server import MODELS, Gateway, Server, troupe

MODEL = MODELS / "tiny-qwen3-moe"


@pytest.fixture(scope="module")
def authority():
    return Authority("clients believe it")


@pytest.fixture
def pair(authority):
    return authority.sign("server", hosts=("127.0.0.1",))


def words(pair):
    return "--certificate", pair[0], "--certificate-key", pair[1]


@pytest.fixture
def server(pair, authority):
    with Server(MODEL, *words(pair), authority=authority.file) as running:
        yield running


def client(server, authority):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=60,
                         http_client=httpx.Client(verify=ssl.create_default_context(cafile=authority.file)))


def ask(made, server, tokens=8, **options):
    return made.completions.create(model=server.model, prompt=[5, 6, 7], max_tokens=tokens, temperature=0,
                                   extra_body={"ignore_eos": True}, **options)


def shown(server, authority):
    """The serial number of the certificate that a new connection gets."""
    host, _, port = server.url.removeprefix("https://").rpartition(":")
    context = ssl.create_default_context(cafile=authority.file)
    with socket.create_connection((host, int(port)), timeout=10) as plain, \
            context.wrap_socket(plain, server_hostname=host) as tls:
        return tls.getpeercert()["serialNumber"]


def test_openai_speaks_https_and_gets_what_it_gets_without(server, authority):
    assert server.url.startswith("https://")
    with Server(MODEL) as plain:
        made = openai.OpenAI(base_url=plain.url + "/v1", api_key="none")
        expected = ask(made, plain, 40).choices[0].text
    secure = client(server, authority)
    assert ask(secure, server, 40).choices[0].text == expected
    assert "".join(c.choices[0].text for c in ask(secure, server, 40, stream=True)) == expected


def test_a_client_that_does_not_know_the_authority_refuses(server):
    made = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    with pytest.raises(openai.APIConnectionError):
        made.models.list()


def test_status_goes_over_tls_and_believes_whom_it_is_told(server, authority):
    code, out, errors = troupe("status", "--url", server.url, env={"SSL_CERT_FILE": str(authority.file)})
    assert code == 0, errors
    assert server.model in out
    code, _, errors = troupe("status", "--url", server.url)
    assert code == 1 and "certificate verify failed" in errors and "SSL_CERT_FILE" in errors


def test_a_renewed_certificate_counts_and_a_stream_under_way_goes_on(server, authority, pair):
    before = shown(server, authority)
    events = ask(client(server, authority), server, 400, stream=True)
    next(events)
    for old, new in zip(pair, authority.sign("renewed", hosts=("127.0.0.1",)), strict=True):
        new.replace(old)
    deadline = time.monotonic() + 20
    while shown(server, authority) == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert list(events)[-1].choices[0].finish_reason == "length"
    assert ask(client(server, authority), server).usage.completion_tokens == 8
    assert "the certificate has changed" in server.errors()


def test_hostile_clients_harm_nobody(server, authority):
    host, _, port = server.url.removeprefix("https://").rpartition(":")
    held = []
    for data in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 70000, b"\x16\x03\x01\x40\x00" + b"\x01" * 0x4000):
        for _ in range(20):
            connection = socket.create_connection((host, int(port)), timeout=5)
            connection.sendall(data)
            held.append(connection)
    assert ask(client(server, authority), server).usage.completion_tokens == 8
    for connection in held:
        connection.close()
    assert ask(client(server, authority), server).usage.completion_tokens == 8


def test_what_cannot_be_used_is_said(authority, tmp_path, pair):
    certificate, key = pair
    broken = tmp_path / "broken.pem"
    broken.write_text("no PEM")
    secret = tmp_path / "secret.pem"
    authority.lock(key, secret)
    for files, why in (((certificate, ""), "http.certificate_key is missing"),
                       (("", key), "http.certificate is missing"),
                       ((tmp_path / "none.pem", key), "none.pem: No such file"),
                       ((broken, key), "http.certificate "),
                       ((certificate, secret), "http.certificate_key "),
                       ((certificate, authority.sign("other")[1]), "key values mismatch"),
                       (authority.sign("late", days=-1), "has expired")):
        code, _, errors = troupe("serve", MODEL, "--port", 0, *words(files), seconds=60)
        assert code == 1 and why in errors, errors


def test_a_gateway_speaks_https_too(authority, pair):
    with Server(MODEL, "--workers", 1, "--redundancy", 1, "--threads", 1) as head, \
            Gateway(head, options=words(pair), authority=authority.file) as gateway:
        assert ask(client(gateway, authority), gateway).usage.completion_tokens == 8
