"""Writes a GGUF file in another type, with llama.cpp's own quantiser, in a process of its own.

  python quantise.py FROM TO TYPE THREADS
"""

import ctypes
import pathlib
import sys

import llama_cpp as llama

# The quantiser's file type, and the GGML type of embedding and head, which are one tensor where they
# are tied.
TYPES = {"F16": (llama.LLAMA_FTYPE_MOSTLY_F16, 1), "Q4_0": (llama.LLAMA_FTYPE_MOSTLY_Q4_0, 2),
         "Q4_1": (llama.LLAMA_FTYPE_MOSTLY_Q4_1, 3), "Q8_0": (llama.LLAMA_FTYPE_MOSTLY_Q8_0, 8),
         "Q4_K": (llama.LLAMA_FTYPE_MOSTLY_Q4_K_S, 12), "Q6_K": (llama.LLAMA_FTYPE_MOSTLY_Q6_K, 14)}


def quantise(source, target, kind, threads):
    """Raises RuntimeError where llama.cpp refuses."""
    wanted = llama.llama_model_quantize_default_params()
    wanted.ftype = TYPES[kind][0]
    wanted.nthread = threads
    wanted.allow_requantize = True
    wanted.pure = True
    partial = pathlib.Path(f"{target}.partial")
    code = llama.llama_model_quantize(str(source).encode(), str(partial).encode(),
                                      ctypes.byref(wanted))
    if code:
        partial.unlink(missing_ok=True)
        raise RuntimeError(f"llama.cpp cannot make {kind} from {source} (code {code})")
    partial.rename(target)


if __name__ == "__main__":
    quantise(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
