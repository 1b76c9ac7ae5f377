"""Thoughts and tool calls, told apart from the content, as the openai package puts them together."""

import json

import pytest

from conftest import client_of
from troupe_server import Server

TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]


def turns(answer, *cities):
    """Turns that a small model goes on with in kind."""
    out = []
    for city in cities:
        out += [{"role": "user", "content": f"What is the weather in {city}?"},
                {"role": "assistant", "content": answer.replace("CITY", city)}]
    return out[:-1]


CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "CITY"}}\n</tool_call>'
CITIES = ("Rome", "Madrid", "Vienna", "Berlin", "Paris")


@pytest.fixture(scope="module")
def marked(model_file):
    with Server(model_file, "--context", 2048, "--tool-parser", "hermes",
                "--reasoning-parser", "think") as running:
        yield running


@pytest.fixture(scope="module")
def chat(marked):
    def ask(messages, **options):
        return client_of(marked).chat.completions.create(
            model=marked.model, messages=messages, temperature=0, max_tokens=64, **options)
    return ask


def test_a_tool_is_called(chat):
    choice = chat(turns(CALL, *CITIES), tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    call, = choice.message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "Paris"}


def test_a_streamed_call_is_the_same(chat):
    whole, = chat(turns(CALL, *CITIES), tools=TOOLS).choices[0].message.tool_calls
    deltas = [c.choices[0] for c in chat(turns(CALL, *CITIES), tools=TOOLS, stream=True)]
    parts = [p for d in deltas for p in d.delta.tool_calls or []]
    assert [p.index for p in parts] == [0] * len(parts)
    assert [p.function.name for p in parts if p.function.name] == [whole.function.name]
    assert "".join(p.function.arguments for p in parts) == whole.function.arguments
    assert not any(d.delta.content for d in deltas)
    assert deltas[-1].finish_reason == "tool_calls"


def test_without_tools_the_marks_are_text(chat):
    choice = chat(turns(CALL, *CITIES)).choices[0]
    assert choice.finish_reason == "stop" and choice.message.tool_calls is None
    assert choice.message.content.startswith("<tool_call>")


def test_thoughts_are_told_apart_and_counted(chat):
    answer = chat(turns("<think>\nIt asks for CITY.\n</think>\n\nSunny.", *CITIES))
    message = answer.choices[0].message
    assert message.content == "Sunny."
    assert message.reasoning_content == message.reasoning == "It asks for Paris."
    counts = answer.usage.completion_tokens_details
    assert 0 < counts.reasoning_tokens < answer.usage.completion_tokens
