"""Alibaba Cloud's DashScope protocol as the dashscope package speaks it."""

import dashscope
import pytest

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
ANSWER = "The capital of France is Paris."


@pytest.fixture(autouse=True, scope="module")
def address(server):
    dashscope.base_http_api_url = server.url + "/api/v1"
    dashscope.api_key = "none"


def generate(server, **options):
    return dashscope.Generation.call(**{"model": server.model, "messages": QUESTION, "temperature": 0,
                                        "result_format": "message", **options})


def test_a_message_and_what_it_cost(server):
    answer = generate(server)
    assert answer.status_code == 200 and answer.request_id
    choice = answer.output.choices[0]
    assert (choice.message.role, choice.message.content) == ("assistant", ANSWER)
    assert choice.finish_reason == "stop"
    assert answer.usage.input_tokens == 37
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_text_is_the_other_form(server):
    answer = generate(server, messages=None, prompt=QUESTION[0]["content"], result_format="text")
    assert answer.output.text == ANSWER and answer.output.finish_reason == "stop"


def test_incremental_events_add_up_and_others_repeat(server):
    pieces = list(generate(server, stream=True, incremental_output=True))
    assert "".join(p.output.choices[0].message.content for p in pieces) == ANSWER
    assert [p.output.choices[0].finish_reason for p in pieces] == ["null"] * (len(pieces) - 1) + ["stop"]
    assert len({p.request_id for p in pieces}) == 1
    whole = list(generate(server, stream=True, incremental_output=False))
    texts = [p.output.choices[0].message.content for p in whole]
    assert texts[-1] == ANSWER and all(b.startswith(a) for a, b in zip(texts, texts[1:]))
    assert whole[-1].usage.output_tokens == pieces[-1].usage.output_tokens


def test_parameters_are_those_of_chat_completions(server, client):
    options = {"seed": 7, "temperature": 1.5, "top_p": 0.9, "top_k": 20, "max_tokens": 12,
               "repetition_penalty": 1.1, "presence_penalty": 0.2}
    here = generate(server, **options)
    names = ("top_k", "repetition_penalty")
    there = client.chat.completions.create(
        model=server.model, messages=QUESTION, extra_body={k: options[k] for k in names},
        **{k: v for k, v in options.items() if k not in names})
    assert here.output.choices[0].message.content == there.choices[0].message.content
    assert here.output.choices[0].finish_reason == "length"


def test_errors_have_codes_and_say_which_parameter(server):
    wrong = generate(server, top_p=3)
    assert (wrong.status_code, wrong.code) == (400, "InvalidParameter")
    assert "top_p must be in (0, 1]" in wrong.message and wrong.request_id
    unknown = generate(server, model="qwen3-max")
    assert (unknown.status_code, unknown.code) == (404, "ModelNotFound")
    streamed = list(generate(server, stream=True, max_tokens=0))
    assert streamed[0].status_code == 400 and "max_tokens" in streamed[0].message
