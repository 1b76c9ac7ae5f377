"""A context of 262,144 tokens: a prompt of 258,048, its limits, and who else is served meanwhile."""

import array
import json
import re
import struct
import threading
import time

import pytest

from conftest import client_of
from troupe_server import MODELS, Server

CONTEXT = 262_144
LONGEST = 258_048
YARN = MODELS / "tiny-qwen3-yarn"
HEAD, HIDDEN = 16, 64


def read_tensors(path):
    """Name to (shape, floats) of a safetensors file of float32."""
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    out = {}
    for name, about in header.items():
        begin, end = about["data_offsets"]
        assert about["dtype"] == "F32"
        out[name] = about["shape"], array.array("f", data[8 + size + begin:8 + size + end])
    return out


def write_tensors(path, tensors):
    header, blob = {}, b""
    for name, (shape, floats) in tensors.items():
        raw = floats.tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(blob), len(blob) + len(raw)]}
        blob += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The tiny YaRN model, cut down to one layer and one head, scaled to 262,144 positions."""
    folder = tmp_path_factory.mktemp("models") / "tiny-long"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        (folder / name).write_bytes((YARN / name).read_bytes())
    config = json.loads((YARN / "config.json").read_text())
    config.update(num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1,
                  layer_types=["full_attention"], max_position_embeddings=CONTEXT)
    config["rope_parameters"].update(factor=8.0, original_max_position_embeddings=32_768)
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {}
    for name, (shape, floats) in read_tensors(YARN / "model.safetensors").items():
        layer = re.search(r"layers\.(\d+)\.", name)
        if layer and layer.group(1) != "0":
            continue
        if re.search(r"\.[qkv]_proj\.weight", name):
            shape, floats = [HEAD, HIDDEN], floats[:HEAD * HIDDEN]
        elif name.endswith(".o_proj.weight"):
            width = shape[1]
            rows = array.array("f")
            for row in range(HIDDEN):
                rows.extend(floats[row * width:row * width + HEAD])
            shape, floats = [HIDDEN, HEAD], rows
        tensors[name] = shape, floats
    write_tensors(folder / "model.safetensors", tensors)
    return folder


def memory(server, field):
    """Bytes of the server's memory, by /proc's name."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return int(re.search(rf"{field}:\s+(\d+) kB", status.read()).group(1)) * 1024


def prompt_of(length):
    return [300 + i * i % 301 for i in range(length)]


@pytest.fixture(scope="module")
def server(model):
    with Server(model) as running:
        yield running


def refusal(server, **body):
    status, text = server.post("/v1/completions", json.dumps({"model": server.model} | body).encode())
    assert status == 400, text
    return json.loads(text)["error"]


def test_limits_are_told_with_their_numbers(server):
    error = refusal(server, prompt=prompt_of(LONGEST + 1), max_tokens=1)
    assert error["code"] == "context_length_exceeded"
    for number in ("258048", "262144", "258049"):
        assert number in error["message"]
    error = refusal(server, prompt="Hello", max_tokens=32_769)
    assert error["param"] == "max_tokens"
    assert "32768" in error["message"] and "32769" in error["message"]
    error = refusal(server, prompt=prompt_of(250_000), max_tokens=20_000)
    assert "262144" in error["message"] and "270000" in error["message"]
    listed = json.loads(server.get("/v1/models")[1])["data"][0]
    assert listed["context_length"] == CONTEXT and listed["max_output_length"] == 32_768


def test_the_longest_prompt_runs_to_its_end_while_others_stream(server):
    before = memory(server, "VmHWM")
    done = {}

    def ask():
        begun = time.monotonic()
        done["answer"] = client_of(server).with_options(timeout=800).completions.create(
            model=server.model, prompt=prompt_of(LONGEST), max_tokens=4, temperature=0,
            extra_body={"ignore_eos": True})
        done["seconds"] = time.monotonic() - begun

    long = threading.Thread(target=ask)
    long.start()
    server.wait_for_metric("troupe_num_requests_running", lambda n: n == 1)
    gaps, streams = [], 0
    while long.is_alive() and streams < 6:
        body = {"model": server.model, "prompt": "Hello", "max_tokens": 20, "stream": True,
                "ignore_eos": True}
        last = time.monotonic()
        with server.stream("/v1/completions", body) as events:
            for _ in events:
                gaps.append(time.monotonic() - last)
                last = time.monotonic()
        streams += 1
        long.join(2)
    long.join(800)
    usage = done["answer"].usage
    assert usage.prompt_tokens == LONGEST and usage.completion_tokens == 4
    print(f"{done['seconds']:.0f} s; {streams} streams beside it, longest wait {max(gaps):.2f} s")
    # Nobody waited for more than a few steps.
    assert streams >= 1 and max(gaps) < 10
    # Keys and values as computed: one layer, one head of 16, two of them, two bytes each.
    computed = CONTEXT * HEAD * 2 * 2
    request = 64 * LONGEST  # its text, and the tokens in the hands of each who needs them
    assert memory(server, "VmHWM") - before < computed + request + (64 << 20)


def test_tokenizing_a_book_holds_up_nobody(server):
    book = json.dumps({"prompt": "Once upon a time there was a cat. " * 60_000}).encode()
    ends = []
    threads = [threading.Thread(target=lambda: ends.append(server.post("/tokenize", book)[0]))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in threads):
        begun = time.monotonic()
        assert server.post("/tokenize", b'{"prompt": "Hello"}')[0] == 200
        waits.append(time.monotonic() - begun)
    assert set(ends) == {200}
    print(f"{len(waits)} requests meanwhile, the longest took {max(waits):.3f} s")
    assert len(waits) > 1 and sorted(waits)[len(waits) // 2] < 1
