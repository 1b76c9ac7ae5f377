"""Compares random expressions with jinja2; a tool for development, not part of the tests.

One difference is known: jinja2 folds constants, so a slice of constants with bounds that are no
integers is undefined there and a failure here.

usage: random_expressions.py TEMPLATE_RENDER [SEED [COUNT]]
"""

import json
import random
import subprocess
import sys

import oracle

VARIABLES = {
    "s": "héllo wörld",
    "n": 7,
    "l": [3, 1, 2],
    "words": ["b", "A", "c"],
    "d": {"b": 1, "a": [1, {"c": None}]},
    "people": [{"name": "Bob", "age": 30}, {"name": "alice", "age": 25}],
}

# What each kind of expression can be; {s}, {n}, {l}, {d} and {a} stand for expressions of a kind.
LEAVES = {
    "s": ["s", "''", "'a,b'", "' pad '", "'é日😀'", "'<&>'", "people[0].name"],
    "n": ["n", "0", "1", "-2", "2.5", "true", "people[1].age"],
    "l": ["l", "words", "[]", "(1, 'z')", "people|map(attribute='name')|list"],
    "d": ["d", "{}", "{'k': 1, 'j': [2]}", "people[0]"],
}
GROWN = {
    "s": [
        "({s} ~ {a})", "({s} + {s})", "({s} * 2)", "({s}|upper)", "({s}|title)", "({s}|trim)",
        "({s}|replace({s}, {s}))", "({s}|indent({n}))", "({a}|tojson)", "({a}|tojson(indent=2))",
        "({l}|join({s}))", "{s}.strip({s})", "{s}.replace({s}, {s})", "{s}.center({n}, '*')",
        "({s})[{n}:]", "({s})[::-1]", "({s} if {a} else {s})", "('%s|%5s' % ({a}, {s}))",
        "'{{}}-{{!r}}'.format({s}, {a})", "({s}|truncate(5))", "({s}|e)",
    ],
    "n": [
        "({n} + {n})", "({n} * {n})", "({n} // {n})", "({n} % {n})", "({n} < {n})", "({a} == {a})",
        "({s} in {s})", "({a} in {l})", "({a} and {a})", "(not {a})", "({a}|length)", "({s}|int)",
        "({n}|round)", "{s}.find({s})", "{s}.count({s})", "{s}.startswith({s})", "{s}.isalpha()",
        "({a} is string)", "({a} is mapping)", "({a} is defined)", "({n} is odd)",
    ],
    "l": [
        "({l} + {l})", "({l}|sort)", "({l}|unique|list)", "({l}|map('string')|list)",
        "({l}|select('string')|list)", "({l}|batch(2)|list)", "({l}|reverse|list)", "{s}.split({s})",
        "{s}.splitlines()", "{s}.partition({s})", "({d}.items()|list)", "({d}|dictsort)",
        "({l})[{n}:]", "({l})[::{n}]", "[{a}, {a}]", "({s}|list)", "({l}|groupby('age'))",
    ],
    "d": ["{{{s}: {a}}}", "dict({d}, z={n})", "{d}.copy()", "({l}|first)"],
}


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def expression(self, kind, depth):
        if kind == "a":
            kind = self.random.choice("snld")
        if depth == 0 or self.random.random() < 0.2:
            return self.random.choice(LEAVES[kind])
        return self._fill(self.random.choice(GROWN[kind]), depth)

    def _fill(self, pattern, depth):
        filled = pattern.replace("{{", "\0").replace("}}", "\1")
        for kind in "snlda":
            while "{" + kind + "}" in filled:
                inner = self.expression(kind, depth - 1).replace("{", "\0").replace("}", "\1")
                filled = filled.replace("{" + kind + "}", inner, 1)
        return filled.replace("\0", "{").replace("\1", "}")


def main():
    program, seed, count = (sys.argv[1:] + ["1", "2000"][len(sys.argv) - 2 :])[:3]
    generator = Generator(int(seed))
    sources = ["{{ " + generator.expression("a", 3) + " }}" for _ in range(int(count))]
    lines = "".join(json.dumps({"template": s, "variables": VARIABLES}) + "\n" for s in sources)
    done = subprocess.run([program], input=lines, capture_output=True, encoding="utf-8", check=True)
    answers = [json.loads(line) for line in done.stdout.removesuffix("\n").split("\n")]
    differing = 0
    for source, ours in zip(sources, answers, strict=True):
        expected = oracle.render(source, VARIABLES)
        if ("error" in ours) != ("error" in expected) or ours.get("output") != expected.get("output"):
            differing += 1
            print(f"--- {source}\n  jinja2: {expected}\n  troupe: {ours}")
    print(f"{len(sources)} expressions, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
