"""The model files that are measured; what is missing is fetched or made, under build/bench/models."""

import pathlib

from peer import programs
from peer.model_file import model_file
from peer.random_model import BLOCKS_OF_256, with_experts, write_random_model

MODELS = programs.BUILD / "bench" / "models"
FORMATS = ["Q4_1", "Q4_0", "Q8_0", "Q4_K", "Q6_K", "F16"]
SMOLLM2 = "SmolLM2-135M"
RANDOM = "random, 151M"


def smollm2_file():
    """The fetched file, which is Q4_1."""
    return programs.run([programs.ROOT / "tools" / "fetch-model.sh"]).strip()


def comparison_file(kind, progress):
    """SmolLM2 in a format. Its rows of 576 hold no whole blocks of 256, so that Q4_K and Q6_K get a
    model of about the same size with random weights and rows of 768 and 2048."""
    if kind == "Q4_1":
        return model_file(kind, SMOLLM2, pathlib.Path(smollm2_file()))
    if kind in ("Q4_K", "Q6_K"):
        return model_file(kind, RANDOM, _random("columns-of-256", BLOCKS_OF_256, kind, progress))
    half = MODELS / "SmolLM2-F16.gguf"
    if not half.exists():
        _quantise(smollm2_file(), half, "F16", progress)
    path = half if kind == "F16" else MODELS / f"SmolLM2-{kind}.gguf"
    if not path.exists():
        _quantise(half, path, kind, progress)
    return model_file(kind, SMOLLM2, path)


def experts_file(experts, progress):
    """A tiny mixture of experts with random weights, in Q4_1."""
    path = _random(f"experts-{experts}", with_experts(experts), "Q4_1", progress)
    return model_file("Q4_1", f"{experts} experts", path)


def _random(name, shape, kind, progress):
    path = MODELS / f"{name}-{kind}.gguf"
    if not path.exists():
        MODELS.mkdir(parents=True, exist_ok=True)
        half = MODELS / f"{name}-F16.gguf"
        progress(f"writing {half.name}")
        write_random_model(half, shape, smollm2_file())
        _quantise(half, path, kind, progress)
        half.unlink()
    return path


def _quantise(source, target, kind, progress):
    MODELS.mkdir(parents=True, exist_ok=True)
    progress(f"writing {target.name}")
    programs.run([programs.PYTHON, programs.HERE / "quantise.py", source, target, kind,
                  programs.cores()])
