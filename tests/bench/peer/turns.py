"""Has troupe and llama.cpp answer the same questions in turn."""

import dataclasses
import statistics

SIDES = ("troupe", "llama_cpp")
PAGE = 16  # positions, of troupe's keys and values


@dataclasses.dataclass
class Test:
    """One measurement; `prompt_tokens` are read before a stream decodes `tokens` more."""
    test: str  # "prefill" or "decode"
    prompt_tokens: int
    streams: int = 1
    tokens: int = 0

    def question(self):
        asked = {"test": self.test, "prompt_tokens": self.prompt_tokens}
        return asked if self.test == "prefill" else {**asked, "streams": self.streams,
                                                     "tokens": self.tokens}

    def positions(self):
        """Room for keys and values that it needs, in whole pages of each stream."""
        return self.streams * (-(-(self.prompt_tokens + self.tokens + 1) // PAGE) + 1) * PAGE

    def label(self):
        if self.test == "prefill":
            return f"prefill of {self.prompt_tokens}"
        # One token must have been read before another can follow.
        context = self.prompt_tokens if self.prompt_tokens > 1 else 0
        if self.streams == 1:
            return f"decode at context {context}"
        return f"decode of {self.streams} streams"


def take_turns(workers, test, repetitions, progress):
    """Asks both sides `repetitions` times in turn. `workers` maps a side to its worker; a side that is
    missing is left out. Returns the samples of each in tokens a second, what llama.cpp was set to,
    and the processor time that a side used while the other was measured."""
    question = test.question()
    for side, worker in workers.items():
        progress(f"{test.label()}: {side} warms up")
        worker.ask(**question, warm_up=True)
    samples = {side: [] for side in workers}
    idle_seconds = 0.0
    setting = {}
    for repetition in range(repetitions):
        for side, worker in workers.items():
            progress(f"{test.label()}: {side} {repetition + 1}/{repetitions}")
            others = [other for other in workers.values() if other is not worker]
            before = sum(other.cpu_seconds() for other in others)
            answer = worker.ask(**question)
            idle_seconds += sum(other.cpu_seconds() for other in others) - before
            samples[side].append(answer["tokens_per_second"])
            if side == "llama_cpp":
                setting = {key: value for key, value in answer.items() if isinstance(value, bool)}
    return {"label": test.label(), **dataclasses.asdict(test), "unit": "tokens/s", **samples,
            "llama_cpp_setting": setting, "idle_side_cpu_seconds": round(idle_seconds, 2)}


def median_of(result, side):
    return statistics.median(result[side]) if result.get(side) else None


def ratio_of(result):
    """How many times better troupe is than llama.cpp, or None where one has no figure."""
    ours, theirs = (median_of(result, side) for side in SIDES)
    if not ours or not theirs:
        return None
    return ours / theirs if result["unit"] == "tokens/s" else theirs / ours
