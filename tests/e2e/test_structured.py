"""Answers held to a structure, by the real openai and dashscope packages."""

import concurrent.futures
import json
import os
import re
import signal
import threading
import time
from typing import Literal, Optional

import dashscope
import openai
import pydantic
import pytest

from conftest import client_of
from test_cluster import leader_of, whole
from troupe_server import MODELS, Server

MODEL = MODELS / "tiny-qwen3-moe"
ASKED = [{"role": "user", "content": "Who is it?"}]
# Random weights end neither a number nor a string by themselves: bounds do.
CITY = {"type": "object", "additionalProperties": False,
        "properties": {"city": {"enum": ["Rome", "Oslo"]},
                       "days": {"type": "integer", "minimum": 1, "maximum": 14},
                       "note": {"type": "string", "maxLength": 6}},
        "required": ["city", "days", "note"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": CITY}},
         {"type": "function", "function": {"name": "stop", "parameters": {
             "type": "object", "properties": {"now": {"type": "boolean"}}, "required": ["now"]}}}]


@pytest.fixture(scope="module")
def held():
    with Server(MODEL, "--tool-parser", "hermes", "--reasoning-parser", "think",
                "--speculation", "ngram") as running:
        yield running


def ask(server, seed=1, **options):
    options = {"messages": ASKED, "max_tokens": 300, "temperature": 1, "seed": seed, **options}
    extra = {"enable_thinking": False, **options.pop("extra_body", {})}
    return client_of(server).chat.completions.create(model=server.model, extra_body=extra, **options)


def check_city(value):
    assert set(value) == {"city", "days", "note"}
    assert value["city"] in ("Rome", "Oslo")
    assert isinstance(value["days"], int) and 1 <= value["days"] <= 14
    assert isinstance(value["note"], str) and len(value["note"]) <= 6


@pytest.mark.parametrize("seed", range(6))
def test_a_random_model_writes_what_the_schema_says(held, seed):
    answer = ask(held, seed, response_format={"type": "json_schema", "json_schema": {
        "name": "city", "strict": True, "schema": CITY}})
    assert answer.choices[0].finish_reason == "stop"
    check_city(json.loads(answer.choices[0].message.content))


class Boss(pydantic.BaseModel):
    name: str


class Person(pydantic.BaseModel):
    name: str
    age: int
    mood: Literal["good", "bad"]
    boss: Optional[Boss] = None


def test_the_openai_package_parses_a_pydantic_model(model_file):
    with Server(model_file, "--context", 2048) as real:
        answer = client_of(real).chat.completions.parse(
            model=real.model, temperature=0, max_tokens=200, response_format=Person,
            messages=[{"role": "user", "content":
                       "Ann is 34 and in a good mood. She has no boss. Describe Ann as JSON."}])
        person = answer.choices[0].message.parsed
        assert isinstance(person, Person) and person.name and person.mood in ("good", "bad")
        # The same as a stream.
        with client_of(real).chat.completions.stream(
                model=real.model, temperature=0, max_tokens=200, response_format=Person,
                messages=[{"role": "user", "content":
                           "Ann is 34 and in a good mood. She has no boss. Describe Ann as JSON."}]
        ) as stream:
            assert stream.get_final_completion().choices[0].message.parsed == person
        free = client_of(real).chat.completions.create(
            model=real.model, temperature=0, max_tokens=120,
            response_format={"type": "json_object"},
            messages=[{"role": "user", "content": "Give one fact about Rome as a JSON object."}])
        choice = free.choices[0]
        assert choice.message.content.startswith("{")
        if choice.finish_reason == "stop":
            assert isinstance(json.loads(choice.message.content), dict)


@pytest.mark.parametrize("seed", range(4))
def test_regex_choice_and_grammar(held, seed):
    def content(**body):
        choice = ask(held, seed, extra_body=body).choices[0]
        assert choice.finish_reason == "stop"
        return choice.message.content

    assert re.fullmatch(r"[a-f]{4}-[0-9]{2}", content(guided_regex="[a-f]{4}-[0-9]{2}"))
    assert content(guided_choice=["up", "down"]) in ("up", "down")
    assert content(structured_outputs={"choice": ["left", "right"]}) in ("left", "right")
    grammar = 'root ::= pair ("," pair){0,2}\npair ::= [a-z] "=" [0-9]\n'
    assert re.fullmatch(r"[a-z]=[0-9](,[a-z]=[0-9]){0,2}", content(guided_grammar=grammar))
    check_city(json.loads(content(guided_json=CITY)))
    check_city(json.loads(content(guided_json=json.dumps(CITY))))


def test_text_completions_and_several_choices_are_held_too(held):
    answer = client_of(held).completions.create(
        model=held.model, prompt="Pick one:", n=4, seed=3, temperature=1, max_tokens=20,
        extra_body={"guided_choice": ["alpha", "beta", "gamma"]})
    assert {c.text for c in answer.choices} <= {"alpha", "beta", "gamma"}
    assert all(c.finish_reason == "stop" for c in answer.choices)


def calls_of(message):
    return [(c.function.name, json.loads(c.function.arguments)) for c in message.tool_calls]


@pytest.mark.parametrize("seed", range(4))
def test_a_call_that_must_be_made_is_one_of_the_tools(held, seed):
    choice = ask(held, seed, tools=TOOLS, tool_choice="required", max_tokens=600).choices[0]
    calls = calls_of(choice.message)
    assert calls and not choice.message.content
    for name, arguments in calls[:-1] if choice.finish_reason == "length" else calls:
        if name == "get_weather":
            check_city(arguments)
        else:
            assert name == "stop" and isinstance(arguments["now"], bool)
    named = ask(held, seed, tools=TOOLS,
                tool_choice={"type": "function", "function": {"name": "get_weather"}}).choices[0]
    assert named.finish_reason == "tool_calls"
    [(name, arguments)] = calls_of(named.message)
    assert name == "get_weather"
    check_city(arguments)
    single = ask(held, seed, tools=TOOLS, tool_choice="required", parallel_tool_calls=False)
    assert len(single.choices[0].message.tool_calls) == 1


def test_a_streamed_call_is_the_same(held):
    options = {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False}
    whole_answer = ask(held, 11, **options).choices[0]
    name, arguments, finish = "", "", None
    for chunk in ask(held, 11, stream=True, **options):
        [choice] = chunk.choices
        finish = choice.finish_reason or finish
        for call in choice.delta.tool_calls or []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    function = whole_answer.message.tool_calls[0].function
    assert (name, arguments, finish) == (function.name, function.arguments, "tool_calls")


def test_a_thought_comes_first_and_then_what_is_held(held):
    opened = [*ASKED, {"role": "assistant", "content": "<think>\nI look", "partial": True}]
    for seed in range(3):
        choice = ask(held, seed, messages=opened, extra_body={
            "guided_regex": "[0-9]{5}", "thinking_budget": 9, "enable_thinking": True}).choices[0]
        assert choice.finish_reason == "stop"
        assert re.fullmatch("[0-9]{5}", choice.message.content)
        assert choice.message.reasoning_content
        called = ask(held, seed, messages=opened, tools=TOOLS, tool_choice="required",
                     parallel_tool_calls=False, max_tokens=300,
                     extra_body={"thinking_budget": 9, "enable_thinking": True}).choices[0]
        assert called.finish_reason == "tool_calls" and called.message.reasoning_content


def test_dashscope_is_held_too(held):
    dashscope.base_http_api_url = held.url + "/api/v1"
    dashscope.api_key = "none"
    answer = dashscope.Generation.call(
        model=held.model, messages=ASKED, result_format="message", max_tokens=300, seed=4,
        temperature=1, enable_thinking=False, response_format={
            "type": "json_schema", "json_schema": {"name": "city", "schema": CITY}})
    check_city(json.loads(answer.output.choices[0].message.content))


def test_an_answer_is_the_same_alone_and_in_a_batch(held):
    def one(seed):
        body = {"guided_json": CITY} if seed % 2 else {"guided_regex": "[a-z ]{40,60}"}
        choice = ask(held, seed, logprobs=True, extra_body=body).choices[0]
        return choice.message.content, [t.logprob for t in choice.logprobs.content]

    alone = [one(seed) for seed in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(8))) == alone


def nested(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


HOSTILE = {
    "no end": {"guided_json": {"type": "object", "properties": {"a": {"$ref": "#"}},
                               "required": ["a"]}},
    "references in a circle": {"guided_json": {
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}},
    "a reference elsewhere": {"guided_json": {"$ref": "http://127.0.0.1/schema.json"}},
    "too deep": {"guided_json": nested(30)},
    "too large": {"guided_json": {"enum": [f"word {i}" for i in range(20000)]}},
    "huge counts": {"guided_json": {"type": "string", "minLength": 100000000}},
    "repetition of repetition": {"guided_regex": "((((a{99}){99}){99}){99}){99}"},
    "what varies, repeated": {"guided_regex": "(.{0,100}){100}"},
    "a long expression": {"guided_regex": "a" * 10000},
    "an open group": {"guided_regex": "(a"},
    "groups in groups": {"guided_regex": "(" * 1000 + "a" + ")" * 1000},
    "no rule": {"guided_grammar": "root ::= missing"},
    "many rules": {"guided_grammar": "root ::= r0\n" + "".join(
        f"r{i} ::= r{i + 1} r{i + 1}\n" for i in range(5000))},
    "many choices": {"guided_choice": ["x"] * 5000},
    "no type": {"guided_json": {"type": "nonsense"}},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused_soon_and_others_go_on(held, name):
    began = time.monotonic()
    with pytest.raises(openai.BadRequestError) as refusal:
        ask(held, extra_body=HOSTILE[name])
    assert time.monotonic() - began < 8
    assert refusal.value.param.startswith("guided_") and len(refusal.value.message) < 600
    assert ask(held, extra_body={"guided_choice": ["fine"]}).choices[0].message.content == "fine"


NASTY = [
    {"guided_json": {"enum": [f"word number {i * 7919}" for i in range(6000)]}},
    {"guided_json": {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(600)}}},
    {"guided_json": {"type": "array", "minItems": 4000, "maxItems": 4096, "items": {
        "type": "array", "minItems": 4000, "items": {"type": "string", "maxLength": 4000}}}},
    {"guided_json": {"type": "array", "maxItems": 4096, "items": {
        "type": "string", "pattern": "^(a|b|c){1,200}$"}}},
    {"guided_regex": "(a|b)*a(a|b){60}"},
    {"guided_regex": "(" + "a?" * 300 + "a" * 300 + ")"},
    {"guided_regex": "(((" * 10 + "a" + "*b*)*)*)*" * 10},
    {"guided_grammar": "root ::= r0\n" + "".join(f"r{i} ::= r{i + 1} r{i + 1} | \"{i}\"\n" for i in range(400))
     + "r400 ::= \"x\""},
    {"guided_grammar": 'root ::= a a a a\na ::= b b b b | ""\nb ::= a a a a | ""'},
]


def test_another_stream_goes_on_while_the_worst_is_compiled_or_refused(held):
    body = {"model": held.model, "messages": ASKED, "max_tokens": 3000, "stream": True,
            "ignore_eos": True, "enable_thinking": False}
    gaps, stop = [], threading.Event()

    def stream():
        while not stop.is_set():
            with held.stream("/v1/chat/completions", body) as events:
                last = time.monotonic()
                for _ in events:
                    now = time.monotonic()
                    gaps.append(now - last)
                    last = now
                    if stop.is_set():
                        return

    def attack(options):
        began = time.monotonic()
        try:
            ask(held, max_tokens=4, extra_body=options)
            outcome = 200
        except openai.BadRequestError:
            outcome = 400
        except openai.RateLimitError:
            outcome = 429
        return outcome, time.monotonic() - began

    watcher = threading.Thread(target=stream)
    watcher.start()
    try:
        for options in NASTY:
            outcome, took = attack(options)
            assert outcome in (200, 400) and took < 15, (options, outcome, took)
        with concurrent.futures.ThreadPoolExecutor(len(NASTY)) as pool:
            together = list(pool.map(attack, NASTY))
        assert all(took < 15 for _, took in together), together
    finally:
        stop.set()
        watcher.join(60)
    assert len(gaps) > 100 and max(gaps) < 3, (len(gaps), max(gaps))


def test_many_costly_structures_do_not_stop_the_rest(held):
    """Each is within the bounds, and none has been seen before."""
    def costly(i):
        pattern = f"(a|b)*a(a|b){{{100 + i}}}x{i}"
        try:
            return ask(held, i, max_tokens=5, extra_body={"guided_regex": pattern}) is not None
        except (openai.RateLimitError, openai.BadRequestError):
            return False

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        under_way = [pool.submit(costly, i) for i in range(24)]
        began = time.monotonic()
        assert ask(held, max_tokens=3).choices
        assert time.monotonic() - began < 20
        assert any(f.result() for f in under_way)


@pytest.mark.parametrize("strike_at", [40, 110])
def test_a_worker_killed_changes_no_token_of_what_is_held(held, strike_at):
    body = {"messages": ASKED, "max_tokens": 150, "seed": 2, "temperature": 0.9, "stream": True,
            "logprobs": True, "return_token_ids": True, "enable_thinking": False,
            "guided_regex": "([a-z]{2,8} [0-9]{1,3}, ){36}"}

    def ask_whole(server, strike=lambda: None):
        answer = []
        with server.stream("/v1/chat/completions", {"model": server.model, **body}) as events:
            for event in events:
                choice = event["choices"][0]
                before = len(answer)
                answer += choice.get("token_ids", [])
                if before < strike_at <= len(answer):
                    strike()
        return answer

    expected = ask_whole(held)
    assert len(expected) == 150
    with Server(MODEL, "--reasoning-parser", "think", "--workers", 4) as cluster:
        struck = leader_of(whole(cluster), 1)
        assert ask_whole(cluster, lambda: os.kill(struck["pid"], signal.SIGKILL)) == expected
        assert json.loads(cluster.get("/cluster")[1])["epoch"] > 1
