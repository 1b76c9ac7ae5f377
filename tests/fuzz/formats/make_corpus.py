#!/usr/bin/env python3
"""Writes the seed corpora beside this file. Needs the packages gguf and numpy."""
import json
import pathlib
import struct

import gguf
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent / "corpus"
REFERENCE = HERE.parents[2] / "data" / "reference" / "models"


def folder(name):
    path = HERE / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def gguf_model(path, arch, experts):
    """One layer of 8 with 2 heads of 4: everything the reader looks for, in 3 KB."""
    out = gguf.GGUFWriter(path, arch)
    out.add_block_count(1)
    out.add_context_length(64)
    out.add_embedding_length(8)
    out.add_feed_forward_length(8)
    out.add_head_count(2)
    out.add_head_count_kv(1)
    out.add_rope_freq_base(10000.0)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2" if experts else "smollm")
    out.add_token_list(["<|im_end|>", "a", "b", "ab"])
    out.add_token_types([3, 1, 1, 1])
    out.add_token_merges(["a b"])
    out.add_eos_token_id(0)
    out.add_chat_template("{{ messages }}")
    if experts:
        out.add_expert_count(2)
        out.add_expert_used_count(1)
        out.add_expert_feed_forward_length(4)

    def tensor(name, *shape):
        out.add_tensor(name, np.ones(shape, np.float16 if len(shape) > 1 else np.float32))

    tensor("token_embd.weight", 4, 8)
    tensor("output_norm.weight", 8)
    tensor("blk.0.attn_norm.weight", 8)
    tensor("blk.0.ffn_norm.weight", 8)
    tensor("blk.0.attn_q.weight", 8, 8)
    tensor("blk.0.attn_k.weight", 4, 8)
    tensor("blk.0.attn_v.weight", 4, 8)
    tensor("blk.0.attn_output.weight", 8, 8)
    if experts:
        tensor("blk.0.attn_q_norm.weight", 4)
        tensor("blk.0.attn_k_norm.weight", 4)
        tensor("blk.0.ffn_gate_inp.weight", 2, 8)
        tensor("blk.0.ffn_gate_exps.weight", 2, 4, 8)
        tensor("blk.0.ffn_up_exps.weight", 2, 4, 8)
        tensor("blk.0.ffn_down_exps.weight", 2, 8, 4)
    else:
        tensor("blk.0.ffn_gate.weight", 8, 8)
        tensor("blk.0.ffn_up.weight", 8, 8)
        tensor("blk.0.ffn_down.weight", 8, 8)
    finish(out)


def gguf_types(path):
    """Every type of metadata, and a row of every type of tensor."""
    out = gguf.GGUFWriter(path, "qwen3")
    out.add_uint8("u8", 1)
    out.add_int8("i8", -1)
    out.add_uint16("u16", 1)
    out.add_int16("i16", -1)
    out.add_int32("i32", -1)
    out.add_uint64("u64", 1)
    out.add_int64("i64", -1)
    out.add_float64("f64", 0.5)
    out.add_bool("flag", True)
    out.add_array("numbers", [1, 2, 3])
    out.add_array("nested", [[1, 2], [3]])
    out.add_custom_alignment(64)
    types = gguf.GGMLQuantizationType
    for kind in (types.Q8_0, types.Q4_0, types.Q4_1, types.Q4_K, types.Q6_K, types.BF16):
        size = gguf.GGML_QUANT_SIZES[kind][1] * (256 // gguf.GGML_QUANT_SIZES[kind][0])
        out.add_tensor(kind.name, np.zeros((1, size), np.uint8), raw_dtype=kind)
    finish(out)


def finish(out):
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def safetensors(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))


def small_tokenizer(source):
    """A reference tokenizer with a vocabulary of a few tokens."""
    file = json.loads(source.read_text())
    file["model"]["vocab"] = {"a": 0, "b": 1, "ab": 2}
    file["model"]["merges"] = ["a b"]
    file["added_tokens"] = file["added_tokens"][:2]
    return file


def main():
    gguf_model(folder("gguf") / "llama.gguf", "llama", experts=False)
    gguf_model(folder("gguf") / "qwen3moe.gguf", "qwen3moe", experts=True)
    gguf_types(folder("gguf") / "types.gguf")

    shapes = folder("safetensors")
    safetensors(shapes / "all-types", {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [8, 16]},
        "c": {"dtype": "F16", "shape": [1], "data_offsets": [16, 18]},
        "d": {"dtype": "F8_E4M3", "shape": [], "data_offsets": [18, 19]}}, 19)
    (shapes / "index").write_text(json.dumps(
        {"metadata": {"total_size": 4}, "weight_map": {"a": "model-00001-of-00001.safetensors"}}))

    tokenizers = folder("tokenizer_json")
    file = small_tokenizer(REFERENCE / "tiny-llama" / "tokenizer.json")
    (tokenizers / "split").write_text(json.dumps(file))
    file["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}]}
    file["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFC"}]}
    file["model"]["merges"] = [["a", "b"]]
    file["post_processor"] = {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [2], "tokens": ["<s>"]}}}]}
    (tokenizers / "digits").write_text(json.dumps(file))
    (tokenizers / "config").write_text(json.dumps({
        "bos_token": {"content": "a"}, "eos_token": "b", "add_bos_token": True,
        "chat_template": [{"name": "default", "template": "{{ messages }}"}]}))

    configs = folder("config_json")
    for model in ("tiny-llama", "tiny-qwen3-moe", "tiny-qwen3-moe-fp8", "tiny-qwen3-yarn"):
        (configs / model).write_bytes((REFERENCE / model / "config.json").read_bytes())
    llama3 = json.loads((REFERENCE / "tiny-llama" / "config.json").read_text())
    del llama3["rope_parameters"]
    llama3["rope_theta"] = 500000.0
    llama3["rope_scaling"] = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                              "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    (configs / "llama3").write_text(json.dumps(llama3))
    (configs / "generation").write_text(json.dumps(
        {"eos_token_id": [1, 2], "temperature": 0.6, "top_k": 20, "top_p": 0.95}))


if __name__ == "__main__":
    main()
