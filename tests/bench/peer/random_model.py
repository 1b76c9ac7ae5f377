"""Writes GGUF models of random weights and any shape, with the tokenizer of another GGUF file."""

import dataclasses
import pathlib

import gguf
import numpy


@dataclasses.dataclass(frozen=True)
class ModelShape:
    """Sizes of a `llama` model, or of a `qwen3moe` one where there are experts. The head is tied."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int  # of one expert, where there are experts
    context: int = 8192
    experts: int = 0
    experts_per_token: int = 0

    @property
    def architecture(self):
        return "qwen3moe" if self.experts else "llama"


# SmolLM2-135M with its columns rounded up to whole blocks of 256, as the K types need them.
BLOCKS_OF_256 = ModelShape(layers=18, hidden=768, heads=12, kv_heads=4, head_size=64,
                           feed_forward=2048)


def with_experts(experts):
    """A tiny mixture of experts whose tokens cost the same however many experts there are."""
    return ModelShape(layers=4, hidden=512, heads=8, kv_heads=2, head_size=64, feed_forward=128,
                      experts=experts, experts_per_token=min(8, experts))


def write_random_model(path, shape, tokenizer):
    """Writes float16 weights drawn from a seeded generator; `tokenizer` is the path of a GGUF file."""
    partial = pathlib.Path(f"{path}.partial")
    writer = gguf.GGUFWriter(partial, shape.architecture, use_temp_file=False)
    vocabulary = _copy_tokenizer(writer, gguf.GGUFReader(tokenizer))
    _add_sizes(writer, shape)
    random = numpy.random.default_rng(1)
    for name, size in _tensors(shape, vocabulary):
        if name.endswith("norm.weight"):
            writer.add_tensor(name, numpy.ones(size, numpy.float32))
            continue
        # Scaled so that rows keep their size from layer to layer.
        values = random.standard_normal(size, numpy.float32) * numpy.float32(size[-1] ** -0.5)
        writer.add_tensor(name, values.astype(numpy.float16) if "inp" not in name else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(path)


def _copy_tokenizer(writer, source):
    """Returns the number of tokens."""
    for field in source.fields.values():
        if field.name.startswith("tokenizer."):
            kind = field.types[0]
            inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), kind, inner)
    return len(source.fields["tokenizer.ggml.tokens"].data)


def _add_sizes(writer, shape):
    writer.add_name("Random weights")
    writer.add_context_length(shape.context)
    writer.add_block_count(shape.layers)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_rope_freq_base(100000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    if shape.experts:
        writer.add_key_length(shape.head_size)
        writer.add_value_length(shape.head_size)
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(shape.experts_per_token)
        writer.add_expert_feed_forward_length(shape.feed_forward)


def _tensors(shape, vocabulary):
    """Names and sizes, the columns last."""
    queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    yield "token_embd.weight", (vocabulary, shape.hidden)
    yield "output_norm.weight", (shape.hidden,)
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        yield block + "attn_norm.weight", (shape.hidden,)
        yield block + "attn_q.weight", (queries, shape.hidden)
        yield block + "attn_k.weight", (keys, shape.hidden)
        yield block + "attn_v.weight", (keys, shape.hidden)
        yield block + "attn_output.weight", (shape.hidden, queries)
        yield block + "ffn_norm.weight", (shape.hidden,)
        if not shape.experts:
            yield block + "ffn_gate.weight", (shape.feed_forward, shape.hidden)
            yield block + "ffn_up.weight", (shape.feed_forward, shape.hidden)
            yield block + "ffn_down.weight", (shape.hidden, shape.feed_forward)
            continue
        yield block + "attn_q_norm.weight", (shape.head_size,)
        yield block + "attn_k_norm.weight", (shape.head_size,)
        yield block + "ffn_gate_inp.weight", (shape.experts, shape.hidden)
        yield block + "ffn_gate_exps.weight", (shape.experts, shape.feed_forward, shape.hidden)
        yield block + "ffn_up_exps.weight", (shape.experts, shape.feed_forward, shape.hidden)
        yield block + "ffn_down_exps.weight", (shape.experts, shape.hidden, shape.feed_forward)
