"""Writes a GGUF file's vocabulary as a Hugging Face tokenizer; runs in build/venv-aiperf.

  tools/venv.sh --for aiperf tests/e2e/vocabulary.py MODEL.gguf FOLDER
"""

import json
import pathlib
import sys

import gguf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers


def main(model, folder):
    fields = gguf.GGUFReader(model).fields
    contents = lambda name: fields["tokenizer.ggml." + name].contents()
    tokens = contents("tokens")
    merges = [tuple(m.split(" ")) for m in contents("merges")]
    made = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    made.decoder = decoders.ByteLevel()
    out = pathlib.Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    made.save(str(out / "tokenizer.json"))
    end = tokens[contents("eos_token_id")]
    (out / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": end, "bos_token": end}))


if __name__ == "__main__":
    main(*sys.argv[1:])
