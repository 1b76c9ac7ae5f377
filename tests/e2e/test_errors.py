"""Requests that are wrong get one clear line, and the server goes on."""

import json
import socket

import openai
import pytest

QUESTION = [{"role": "user", "content": "Hi"}]


def refused(tiny, body, words):
    status, text = tiny.post("/v1/chat/completions", body)
    assert status == 400, text
    error = json.loads(text)["error"]
    assert words.lower() in error["message"].lower() and "\n" not in error["message"]
    assert error["type"] == "invalid_request_error"
    assert tiny.get("/health")[0] == 200


@pytest.mark.parametrize("body, words", [
    (b"{", "JSON"), (b"[]", "object"), (b"\xff\xfe", "JSON"), (b"[" * 100_000, ""), (b"{}", "model")])
def test_a_body_that_is_no_request_is_400(tiny, body, words):
    refused(tiny, body, words)


@pytest.mark.parametrize("name, value", [
    ("model", 3), ("messages", "hello"), ("messages", []), ("messages", [{"role": "user"}]),
    ("temperature", "hot"), ("temperature", -1), ("top_p", 2), ("n", 0), ("max_tokens", -5),
    ("stop", 5), ("top_logprobs", 500), ("logit_bias", {"a": 1}), ("stream", "yes"), ("seed", 1.5)])
def test_a_wrong_value_is_400_and_names_the_parameter(tiny, name, value):
    body = {"model": tiny.model, "messages": QUESTION, name: value}
    refused(tiny, json.dumps(body).encode(), name)


def test_an_unknown_model_is_404_and_names_the_one_served(tiny, tiny_client):
    with pytest.raises(openai.NotFoundError) as caught:
        tiny_client.chat.completions.create(model="gpt-5", messages=QUESTION)
    assert tiny.model in str(caught.value)


def test_a_prompt_longer_than_the_context_is_400(tiny, tiny_client):
    with pytest.raises(openai.BadRequestError) as caught:
        tiny_client.completions.create(model=tiny.model, prompt=[5] * 5000, max_tokens=1)
    assert "4096" in str(caught.value)


def test_a_token_outside_the_vocabulary_is_400(tiny, tiny_client):
    for bad in ([5, 10_000_000], [-1]):
        with pytest.raises(openai.BadRequestError):
            tiny_client.completions.create(model=tiny.model, prompt=bad, max_tokens=1)


def test_unknown_paths_and_methods_are_404_and_405(tiny):
    assert tiny.get("/v1/nothing")[0] == 404
    assert tiny.get("/v1/chat/completions")[0] == 405


def test_bytes_that_are_no_http_do_not_disturb_the_server(tiny):
    host, port = tiny.url.removeprefix("http://").split(":")
    for noise in (b"\x00" * 4096, b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\n"
                  b"Content-Length: 99999999999999999999\r\n\r\n", b"A" * 200_000):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            try:
                connection.sendall(noise)
                connection.recv(4096)
            except ConnectionError:
                pass
    assert tiny.get("/health")[0] == 200
