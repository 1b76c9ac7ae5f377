"""Measures llama.cpp in a process of its own: JSON lines in, JSON lines out, as `troupe bench --lines`.

  python llama_worker.py MODEL THREADS
"""

import ctypes
import dataclasses
import importlib.metadata
import json
import random
import sys
import time

import llama_cpp as llama
import numpy

PHYSICAL_BATCH = 512  # n_ubatch: llama.cpp's own default, and its fastest here
PROBE_TOKENS = 16


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a context must hold."""
    streams: int
    positions: int  # of each stream


@dataclasses.dataclass(frozen=True)
class Setting:
    """What llama.cpp leaves to its user, and may go either way."""
    flash_attention: bool
    unified_cache: bool


class Context:
    """A llama_context whose streams all begin empty."""

    def __init__(self, model, shape, setting, threads):
        wanted = llama.llama_context_default_params()
        wanted.n_ctx = shape.streams * (-(-shape.positions // 256) * 256)
        wanted.n_batch = max(2048, shape.streams)
        wanted.n_ubatch = PHYSICAL_BATCH
        wanted.n_seq_max = shape.streams
        wanted.n_threads = wanted.n_threads_batch = threads
        wanted.flash_attn_type = int(setting.flash_attention)
        wanted.kv_unified = setting.unified_cache
        wanted.no_perf = True
        self.handle = llama.llama_init_from_model(model, wanted)
        if not self.handle:
            raise RuntimeError(f"llama.cpp refused a context for {shape} with {setting}")
        self.capacity = wanted.n_batch
        self.begun = False  # whether the streams hold prompts to go on from
        self.batch = llama.llama_batch_init(self.capacity, 0, 1)
        self.vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))

    def close(self):
        llama.llama_batch_free(self.batch)
        llama.llama_free(self.handle)

    def clear(self):
        llama.llama_memory_clear(llama.llama_get_memory(self.handle), False)

    def begin(self, length, prompts):
        """Has every stream hold exactly its prompt, of `length` tokens; reads what is not held yet."""
        memory = llama.llama_get_memory(self.handle)
        for stream, prompt in enumerate(prompts):
            if llama.llama_memory_seq_pos_max(memory, stream) < length - 1 or not self.begun:
                llama.llama_memory_seq_rm(memory, stream, -1, -1)
                self.read(prompt, stream)
            else:
                llama.llama_memory_seq_rm(memory, stream, length, -1)
        self.begun = True

    def read(self, prompt, stream=0):
        """Reads a prompt from position 0; returns the likeliest next token."""
        for start in range(0, len(prompt), self.capacity):
            part = prompt[start:start + self.capacity]
            last = start + len(part) == len(prompt)
            self._decode([(token, start + i, stream, last and i == len(part) - 1)
                          for i, token in enumerate(part)])
        return self._likeliest(-1)

    def step(self, tokens, position):
        """Reads one token of each stream; returns the likeliest next ones."""
        self._decode([(token, position, stream, True) for stream, token in enumerate(tokens)])
        return [self._likeliest(i) for i in range(len(tokens))]

    def _decode(self, rows):
        batch = self.batch
        batch.n_tokens = len(rows)
        for i, (token, position, stream, wanted) in enumerate(rows):
            batch.token[i] = token
            batch.pos[i] = position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = stream
            batch.logits[i] = wanted
        if code := llama.llama_decode(self.handle, batch):
            raise RuntimeError(f"llama_decode of {len(rows)} tokens failed with {code}")

    def _likeliest(self, row):
        logits = llama.llama_get_logits_ith(self.handle, row)
        return int(numpy.ctypeslib.as_array(logits, (self.vocabulary,)).argmax())


class Peer:
    """A loaded model and a context for each shape and setting that was asked for."""

    def __init__(self, path, threads):
        llama.llama_backend_init()
        wanted = llama.llama_model_default_params()
        wanted.load_mode = llama.LLAMA_LOAD_MODE_MMAP
        self.model = llama.llama_model_load_from_file(path.encode(), wanted)
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        self.threads = threads
        self.vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model))
        self.random = random.Random(1)
        self.contexts = {}  # (test, shape): (setting, context)

    def prompt(self, length):
        return [self.random.randrange(self.vocabulary) for _ in range(length)]

    def measure(self, asked):
        length, streams = asked["prompt_tokens"], asked.get("streams", 1)
        prefill = asked["test"] == "prefill"
        shape = Shape(streams, length + (0 if prefill else asked["tokens"]))

        def run(context, most):
            if prefill:
                return self.prefill(context, length)
            return self.decode(context, streams, length, min(most, asked["tokens"]))

        setting, context = self.best((asked["test"], shape), run)
        if asked.get("warm_up"):
            return {}
        return {"tokens_per_second": run(context, asked.get("tokens")), **dataclasses.asdict(setting)}

    def prefill(self, context, length):
        prompt = self.prompt(length)
        context.clear()
        start = time.perf_counter()
        context.read(prompt)
        return length / (time.perf_counter() - start)

    def decode(self, context, streams, length, count):
        """Draws `count` tokens of each stream; the prompts are read only the first time."""
        context.begin(length, [self.prompt(length) for _ in range(streams)])
        tokens = [0] * streams
        start = time.perf_counter()
        for i in range(count):
            tokens = context.step(tokens, length + i)
        return streams * count / (time.perf_counter() - start)

    def best(self, key, run):
        """The fastest setting for a test, tried the first time it is asked for."""
        if key not in self.contexts:
            shape = key[1]
            tried = []
            for flash in (True, False):
                for unified in ((False, True) if shape.streams > 1 else (False,)):
                    setting = Setting(flash, unified)
                    context = Context(self.model, shape, setting, self.threads)
                    context.read([0])
                    tried.append((run(context, PROBE_TOKENS), setting, context))
            tried.sort(key=lambda entry: -entry[0])
            for _, _, slower in tried[1:]:
                slower.close()
            self.contexts[key] = tried[0][1:]
        return self.contexts[key]

    def first(self, asked):
        """Reads a prompt and draws a few tokens in a context of the given size, with nothing tried
        beforehand; says how long the first token took."""
        start = time.perf_counter()
        context = Context(self.model, Shape(1, asked["positions"]), Setting(True, False), self.threads)
        token = context.read(self.prompt(asked["prompt_tokens"]))
        seconds = time.perf_counter() - start
        for i in range(asked["tokens"] - 1):
            token, = context.step([token], asked["prompt_tokens"] + i)
        context.close()
        return {"seconds": seconds}


def llama_cpp_version():
    return importlib.metadata.version("llama-cpp-python")


def answer(peer, line):
    try:
        asked = json.loads(line)
        return peer.first(asked) if asked["test"] == "first" else peer.measure(asked)
    except (RuntimeError, ValueError, KeyError) as e:
        return {"error": str(e)}


def main():
    quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
    llama.llama_log_set(quiet, None)
    path, threads = sys.argv[1], int(sys.argv[2])
    # Python's own start and memory are not llama.cpp's, so both count from here.
    with open("/proc/self/status", encoding="utf-8") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    start = time.perf_counter()
    peer = Peer(path, threads)
    print(json.dumps({"load_seconds": time.perf_counter() - start, "memory_before": resident * 1024,
                      "version": llama_cpp_version(),
                      "system": llama.llama_print_system_info().decode()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(peer, line)), flush=True)


if __name__ == "__main__":
    main()
