#!/usr/bin/env python3
"""Writes words.json and added.json beside this file: what Hugging Face tokenizers makes of tricky text.

Needs, from PyPI: tokenizers
Usage: generate.py [SEED]

words.json: for each pre-tokenizer a list of texts, each cut into words (joined, they are the text).
added.json: tokenizers that differ in their added tokens and options, the vocabulary and merges being those of
../reference/models/tiny-llama; for each some texts with their ids.
"""
import json
import os
import random
import sys

from tokenizers import Regex, Tokenizer, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
         r"|\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
PATTERNS = {"gpt2": GPT2, "qwen2": QWEN2, "llama3": LLAMA3, "smollm": GPT2}

# Letters, numbers, marks, symbols and every kind of white space; what folds to a letter of a contraction (U+017F) and
# what does not (U+0130, U+212A); characters that NFC changes.
ALPHABET = list("''''  \n\r\t\x0b\x0c\x1c\x1f\0 sStTrReEvVmMlLdDxX019.,!_-$<|>") + list(
    "\u017f\u212a\u0131\u0130\u00df\u0149\u02bc\u2019\u00e9\u0301\u0323\u0344\u0085\u00a0\u1680\u180e\u2000\u200a\u200b"
    "\u200d\u2028\u2029\u202f\u205f\u3000\ufeff\u00bd\u00b2\u2167\u2460\u06f3\u0966\U0001d7d9\u01c5\u02b0\u00aa\u00ba\u4f60"
    "\u597d\u30fc\u3005\u3007_\u203f\ud55c\u1100\u1161\u11a8\u0e31\u093f\U0001f642\ufe0f\u20dd\u1f88\u24b6\ufb05\uff11\uff41"
    "\U0001d400\U00020000\u00ad\u0378")
FIXED = ["", " ", "  ", "\n", " \n", "\n ", " \n x", "\r\n\r\n  x", "   x", "\t\tx", "x  ", "x \n ", "'s", "'S", "'\u017f", "''s", " 's",
         "'l", "'lL", "'rE", "'r", "'ve'", "it's", "IT'S", "1234567", " 12", "  12", "1 2", "1  2", "1 \n2", "a1b22", "!!\n\n x", " !\r\n!",
         " \u3000x", "\u3000\u3000x", "\u00a0x", "\u200bx", "e\u0301x", "\u0301\u0301", "x\u0085\u0085y", "?!\u2028z"]
POOL = ["<a>", "<a", "a>", "  ", " x", "x", "xx", "xxx", "ab", "e\u0301", "\u00e9", "\u3000", "<a><a>", "abc", "c<", "'", "\u0301", "\u00e9<", "1",
        "x ", "y", "9 9"]


def pattern(name):
    split = pre_tokenizers.Split(Regex(PATTERNS[name]), "isolated")
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(True), split]) if name == "smollm" else split


def text_of(rng, alphabet, most):
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(most)))


def words(rng):
    out = {}
    for name in PATTERNS:
        cut = pattern(name)
        texts = FIXED + [text_of(rng, ALPHABET, 18) for _ in range(220)]
        out[name] = [[w for w, _ in cut.pre_tokenize_str(t)] for t in texts]
    return out


def byte_level(name, prefix_space):
    regex = name in ("gpt2", "smollm")
    level = {"type": "ByteLevel", "add_prefix_space": prefix_space, "trim_offsets": True, "use_regex": regex}
    if name == "gpt2":
        return level
    first = ({"type": "Digits", "individual_digits": True} if name == "smollm" else
             {"type": "Split", "pattern": {"Regex": PATTERNS[name]}, "behavior": "Isolated", "invert": False})
    return {"type": "Sequence", "pretokenizers": [first, level]}


def tokenizer(rng, base):
    name = rng.choice(list(PATTERNS))
    case = {"split": name, "nfc": rng.random() < .6, "add_prefix_space": name == "gpt2" and rng.random() < .4,
            "ignore_merges": rng.random() < .4, "parse_special": rng.random() < .7, "added": []}
    contents = [c for c in rng.sample(POOL, rng.randrange(1, 8)) if c not in base["model"]["vocab"]]
    for i, content in enumerate(contents):
        flags = {k: rng.random() < .4 for k in ("special", "normalized", "lstrip", "rstrip", "single_word")}
        case["added"].append({"id": 700 + i, "content": content, **flags})
    made = dict(base, added_tokens=case["added"], normalizer={"type": "NFC"} if case["nfc"] else None,
                pre_tokenizer=byte_level(name, case["add_prefix_space"]),
                model=dict(base["model"], ignore_merges=case["ignore_merges"]))
    tok = Tokenizer.from_str(json.dumps(made))
    tok.encode_special_tokens = not case["parse_special"]
    return case, tok


def added(rng):
    with open(os.path.join(HERE, "../reference/models/tiny-llama/tokenizer.json"), encoding="utf-8") as f:
        base = json.load(f)
    out = []
    for _ in range(60):
        case, tok = tokenizer(rng, base)
        texts = [text_of(rng, POOL + list("xxab<>c e\u0301\u00e9  \u30001_9,\u200d"), 12) for _ in range(12)]
        case["cases"] = [{"text": t, "ids": tok.encode(t, add_special_tokens=False).ids} for t in texts]
        out.append(case)
    return out


def write(name, value):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as f:
        json.dump(value, f, separators=(",", ":"))
        f.write("\n")


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    write("words.json", words(random.Random(seed)))
    write("added.json", added(random.Random(seed)))


if __name__ == "__main__":
    main()
