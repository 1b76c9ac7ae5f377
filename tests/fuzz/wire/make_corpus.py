#!/usr/bin/env python3
"""Writes the seed corpus of fuzz_wire: one small header of each kind, after the byte of its kind."""

import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
NONE = 0xFFFFFFFF


def preamble(epoch=3):
    return struct.pack("<BQ", 2, epoch)


def listed(code, values):
    return struct.pack(f"<I{len(values)}{code}", len(values), *values)


def step():
    params = struct.pack("<6fIQBI", 0.7, 0.9, 0.05, 0.5, 0.0, 1.1, 40, 12345, 1, 5)
    params += struct.pack("<Iif", 1, 17, -2.5)
    samples = struct.pack("<7I", 0, 1, 0, 2, 0, 0, 3) + listed("i", [7]) + struct.pack("<I", 0)
    samples += struct.pack("<7I", 1, 0, 1, 4, 0, NONE, 6) + listed("i", [])
    samples += struct.pack("<I", NONE)
    mask = listed("I", [0xFFFF0000] * 32)  # of the vocabulary of 1000 that fuzz_wire has
    return b"".join([
        preamble(), struct.pack("<Q", 9),
        struct.pack("<IQI", 2, 11, 4), listed("i", [1, 2]),
        struct.pack("<QI", 12, 5), listed("i", [3]),
        struct.pack("<I", 1), params,
        struct.pack("<I", 1), listed("i", [5, 6, 1]),
        struct.pack("<I", 2), samples,
        struct.pack("<I", 1), struct.pack("<IIiI", 0, 0, 8, 2),
        struct.pack("<IB", 1, 1), mask,
    ])


def step_result():
    logprob = struct.pack("<fIif", -0.5, 1, 4, -0.5)
    return preamble() + struct.pack("<QdIi", 9, 0.01, 1, 4) + logprob + struct.pack("<I", 1) + logprob


def step_failure():
    text = b"stage 2 is gone"
    return preamble() + struct.pack("<QBI", 9, 10, len(text)) + text


def place():
    return struct.pack("<QIQQB", 9, 1, 2, 5, 1)


def kv_record():
    run = struct.pack("<QIII", 11, 4, 2, 1) + listed("i", [6, 7])
    return preamble() + place() + struct.pack("<I", 1) + run + listed("Q", [8])


def kv_snapshot():
    table = struct.pack("<Q", 11) + listed("i", [6, 7])
    return preamble() + place() + listed("i", [6, 7]) + struct.pack("<I", 1) + table


def kv_durable():
    return preamble() + struct.pack("<QI", 9, 1)


def expert_rows():
    return preamble() + struct.pack("<Q4IBB", 9, 5, 1, 0, 2, 1, 0) + listed("I", [0, 3]) + listed("i", [4, -1, -1, 9])


def expert_rows_fp8():
    return preamble() + struct.pack("<Q4IBB", 9, 5, 1, 0, 2, 2, 0) + listed("I", [0, 3]) + listed("i", [4, -1, -1, 9])


def expert_outputs():
    return preamble() + struct.pack("<Q3IB", 9, 5, 1, 0, 1) + listed("I", [0, 7])


def expert_load():
    return preamble() + struct.pack("<II", 2, 4) + listed("I", [0, 3, 1, 0]) + listed("Q", [7]) + listed("Q", [12])


def step_masks():
    return preamble() + struct.pack("<QI", 9, 1) + listed("I", [0xFFFF0000] * 32)


def traffic():
    return preamble(0) + struct.pack("<QI", 4, 2) + struct.pack("<HQQQHQQQ", 1, 5, 600, 9000, 4, 5, 300, 70000)


def weights_ask():
    return preamble(0) + struct.pack("<B", 1) + listed("I", [0, 3, 4])


def weights():
    return preamble(0) + struct.pack("<BB", 0, 1) + listed("I", [3])


KINDS = {1: step, 2: step_result, 3: step_failure, 4: kv_record, 5: kv_durable,
         6: expert_rows, 7: expert_outputs, 9: kv_snapshot, 18: expert_load, 19: step_masks, 20: traffic,
         22: weights_ask, 23: weights}


def main():
    CORPUS.mkdir(exist_ok=True)
    for kind, make in [*KINDS.items(), (6, expert_rows_fp8)]:
        (CORPUS / make.__name__).write_bytes(bytes([kind]) + make())


if __name__ == "__main__":
    main()
