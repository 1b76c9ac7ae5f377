"""What a fresh process costs: time to load and to its first token, and memory."""

import time

PROMPT = 32
LONG_PROMPT = 512
DECODED = 16
CONTEXT = LONG_PROMPT + DECODED


def measure_starts(launchers, repetitions, progress):
    """Starts both sides in turn. `launchers` maps a side to a function that starts its worker.
    Returns results as take_turns() does, in seconds and bytes.

    The clock of troupe begins with its process. llama.cpp's begins when its libraries and the Python
    that calls them are there already, and the memory of that Python is not counted."""
    figures = {key: {side: [] for side in launchers} for key in ("load", "first", "memory")}
    for repetition in range(repetitions):
        for side, launch in launchers.items():
            progress(f"start: {side} {repetition + 1}/{repetitions}")
            with launch() as worker:
                one = _start_troupe(worker) if side == "troupe" else _start_llama_cpp(worker)
            for key, value in one.items():
                figures[key][side].append(value)
    return [{"test": "load", "label": "load", "unit": "s", **figures["load"]},
            {"test": "start", "label": f"start to first token of {PROMPT}", "unit": "s",
             **figures["first"]},
            {"test": "memory", "label": f"peak memory, {LONG_PROMPT} tokens read", "unit": "bytes",
             **figures["memory"]}]


def _start_troupe(worker):
    worker.ask(test="prefill", prompt_tokens=PROMPT)
    first = time.monotonic() - worker.started
    worker.ask(test="decode", prompt_tokens=LONG_PROMPT, streams=1, tokens=DECODED)
    return {"load": worker.load_seconds, "first": first, "memory": worker.peak_memory()}


def _start_llama_cpp(worker):
    load = worker.greeting["load_seconds"]
    first = worker.ask(test="first", prompt_tokens=PROMPT, tokens=1, positions=CONTEXT)
    worker.ask(test="first", prompt_tokens=LONG_PROMPT, tokens=DECODED, positions=CONTEXT)
    return {"load": load, "first": load + first["seconds"],
            "memory": worker.peak_memory() - worker.greeting["memory_before"]}
