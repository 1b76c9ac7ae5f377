"""Writes dequantise.txt: a line per type with encoded rows and the float32 numbers they stand for,
as the `gguf` package (PyPI) decodes them.

Run: python3 generate.py    (needs gguf and numpy)
Line: TYPE elements hex-of-the-bytes hex-of-the-little-endian-floats
"""

import pathlib

import numpy
from gguf import quants
from gguf.constants import GGMLQuantizationType as Type

rng = numpy.random.default_rng(7)
# Type, bytes a block, offsets of the block's float16 numbers.
BLOCKS = [
    (Type.Q8_0, 34, 32, [0]),
    (Type.Q4_0, 18, 32, [0]),
    (Type.Q4_1, 20, 32, [0, 2]),
    (Type.Q4_K, 144, 256, [0, 2]),
    (Type.Q6_K, 210, 256, [208]),
]

lines = []
for kind, size, elements, halves in BLOCKS:
    count = 512 // elements
    blocks = rng.integers(0, 256, (count, size), dtype=numpy.uint8)
    for at in halves:
        numbers = rng.normal(0, 0.01, count).astype(numpy.float16)
        blocks[:, at : at + 2] = numbers.view(numpy.uint8).reshape(count, 2)
    values = quants.dequantize(blocks, kind).astype("<f4").reshape(-1)
    lines.append(f"{kind.name} {values.size} {blocks.tobytes().hex()} {values.tobytes().hex()}")

for kind, dtype in [(Type.F16, numpy.float16), (Type.BF16, None)]:
    floats = rng.normal(0, 1, 64).astype(numpy.float32)
    raw = floats.astype(dtype).view(numpy.uint8) if dtype else quants.quantize(floats, kind)
    values = quants.dequantize(raw, kind).astype("<f4").reshape(-1)
    lines.append(f"{kind.name} {values.size} {raw.tobytes().hex()} {values.tobytes().hex()}")

pathlib.Path(__file__).with_name("dequantise.txt").write_text("\n".join(lines) + "\n")
