#!/usr/bin/env python3
"""Has NVIDIA's aiperf load a server with streams and makes the table of docs/service.md from its report.

  tests/bench/clients                          # SmolLM2, 1, 16 and 64 streams
  tests/bench/clients --url http://HOST:8080   # a server that runs already
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

from troupe_server import Server, smollm2

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "bench"))
VENV = ROOT / "tools" / "venv.sh"


# Without a way to the hub, aiperf looks for tokenizers where the hub's client keeps them, by name.
TOKENIZER = "local/vocabulary"
SNAPSHOT = "0" * 40


def in_venv(*arguments, seconds=900, folder=None, home=None):
    """Runs aiperf's Python, which may ask nobody but the server."""
    return subprocess.run(
        [VENV, "--for", "aiperf", *map(str, arguments)], check=False, capture_output=True, text=True, timeout=seconds,
        cwd=folder, env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "NO_COLOR": "1",
                                **({"HF_HOME": str(home)} if home else {})})


def make_tokenizer(model_file, home):
    """The model's vocabulary, with which aiperf makes its prompts, in a home for the hub's client."""
    kept = home / "hub" / ("models--" + TOKENIZER.replace("/", "--"))
    done = in_venv(pathlib.Path(__file__).with_name("vocabulary.py"), model_file, kept / "snapshots" / SNAPSHOT)
    assert done.returncode == 0, done.stderr[-3000:]
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(SNAPSHOT)
    return home


def measure(url, model, home, streams, requests, folder, *, prompt=256, answer=128, key=None):
    """aiperf's own report of so many requests, `streams` of them at a time."""
    done = in_venv(
        "-m", "aiperf", "profile", "--model", model, "--url", url, "--endpoint-type", "chat", "--streaming",
        "--tokenizer", TOKENIZER, "--use-server-token-count", "--concurrency", streams, "--request-count", requests,
        "--warmup-request-count", streams, "--num-dataset-entries", requests, "--isl", prompt, "--isl-stddev", 0,
        "--osl", answer, "--osl-stddev", 0, "--extra-inputs", "ignore_eos:true", "--random-seed", 1,
        "--workers-max", 2, "--ui-type", "none", "--no-gpu-telemetry", "--no-server-metrics", "--artifact-dir", folder,
        *(["--api-key", key] if key else []), folder=folder, home=home)
    found = list(pathlib.Path(folder).rglob("profile_export_aiperf.json"))
    assert done.returncode == 0 and found, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(found[0].read_text())


def line(streams, report):
    """The table's line for a report."""
    first, between = report["time_to_first_token"], report["inter_token_latency"]
    return [str(streams), *(f"{first[p]:.0f}" for p in ("p50", "p90", "p99")),
            *(f"{between[p]:.1f}" for p in ("p50", "p90", "p99")), f"{report['output_token_throughput']['avg']:.0f}"]


HEAD = ["Streams", "First token, ms: median", "90 %", "99 %", "Between tokens, ms: median", "90 %", "99 %", "Tokens/s"]


def table(lines):
    rows = [HEAD, ["---:"] * len(HEAD), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def served_model(url):
    with urllib.request.urlopen(url + "/v1/models", timeout=30) as reply:
        return json.load(reply)["data"][0]["id"]


def run(url, options):
    from peer.machine import describe
    lines, noise = [], []
    model = served_model(url)
    with tempfile.TemporaryDirectory() as folder:
        home = make_tokenizer(options.model, pathlib.Path(folder) / "home")
        for streams in options.streams:
            out = pathlib.Path(folder) / str(streams)
            out.mkdir()
            load = os.getloadavg()[0]
            report = measure(url, model, home, streams, max(options.least, streams * options.rounds), out,
                             prompt=options.prompt, answer=options.answer)
            if options.json:
                pathlib.Path(f"{options.json}-{streams}.json").write_text(json.dumps(report, indent=1))
            lines.append(line(streams, report))
            noise.append(f"{load:.1f}")
            print(lines[-1], file=sys.stderr)
    machine = describe()
    print(table(lines))
    print(f"\n{model} on {machine['cores']} cores of {machine['processor']}; prompts of {options.prompt} tokens, "
          f"answers of {options.answer}; load average before each: {', '.join(noise)}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running server; default: one is started")
    parser.add_argument("--model", default=smollm2(), help="GGUF file, whose vocabulary makes the prompts")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--rounds", type=int, default=3, help="requests of each stream")
    parser.add_argument("--least", type=int, default=20, help="requests in all, at least")
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--answer", type=int, default=128)
    parser.add_argument("--json", help="keeps aiperf's reports under names that begin so")
    options = parser.parse_args()
    if options.url:
        return run(options.url, options)
    with Server(options.model, "--context", 2048) as server:
        return run(server.url, options)


if __name__ == "__main__":
    main()
