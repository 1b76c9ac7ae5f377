"""lm-evaluation-harness, as EleutherAI ships it, scores a model over the API.

Its tasks are made here from what Hugging Face's own forward pass said of the same weights
(tests/data/reference), so that every score is known without asking this server.
"""

import json
import math
import os
import pathlib
import subprocess

import pytest
import yaml

from troupe_server import DATA, Server

VENV = pathlib.Path(__file__).parents[2] / "tools" / "venv.sh"
CASES = json.loads((DATA / "reference" / "logits-smollm2.json").read_text())["cases"]
END = "<|im_end|>"
SYSTEM = CASES[0]["prompt_text"].split("\nWhat is")[0]
# The tokens that all prompts have in common, without the line break that belongs to what follows.
SYSTEM_TOKENS = os.path.commonprefix([c["prompt_ids"] for c in CASES])[:-1]
# Where the best token leads by less, two ways to add the same numbers may differ.
LEAST_MARGIN = 0.05
SURE = [c for c in CASES if min(c["greedy_margin"]) > LEAST_MARGIN]


def prompt_documents():
    """Prompts, to be scored behind the system message that they have in common."""
    return [{"context": SYSTEM, "answer": c["prompt_text"].removeprefix(SYSTEM)} for c in CASES]


def prompt_scores():
    return [-sum(c["prompt_nll"][len(SYSTEM_TOKENS) - 1:]) for c in CASES]


def answers():
    """Prompt and greedy answer of each sure case, and the same prompt with the answer of another."""
    assert len(SURE) >= 3
    return [(c["prompt_text"], a["greedy_text"].removesuffix(END))
            for i, c in enumerate(SURE) for a in (c, SURE[i - 1])]


def answer_documents():
    # The harness moves blanks at a context's end to the text behind it; so they stand there at once.
    return [{"context": prompt.rstrip("\n"), "answer": "\n" + answer} for prompt, answer in answers()]


def continuation_documents():
    return [{"context": prompt, "answer": answer} for prompt, answer in answers()]


TASKS = {
    "prompts": (prompt_documents, {
        "output_type": "loglikelihood",
        "metric_list": [{"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False}]}),
    "answers": (answer_documents, {
        "output_type": "loglikelihood",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}]}),
    "continuations": (continuation_documents, {
        "output_type": "generate_until",
        "generation_kwargs": {"until": [END], "max_gen_toks": 64, "temperature": 0},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}]}),
}


def write_task(folder, name):
    documents, settings = TASKS[name]
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(d) + "\n" for d in documents()))
    task = {"task": name, "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test", "doc_to_text": "{{context}}", "doc_to_target": "{{answer}}",
            "target_delimiter": "", **settings}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(task))


def evaluate(server, folder, batch, options):
    """(results by task, log of every document by task) of a run of the harness's own program."""
    for name in TASKS:
        write_task(folder, name)
    out = folder / "out"
    arguments = ["--model", "local-completions", "--model_args",
                 f"model={server.model},base_url={server.url}/v1/completions,{options}",
                 "--batch_size", batch, "--include_path", folder, "--tasks", ",".join(TASKS), "--output_path", out, "--log_samples"]
    done = subprocess.run(
        [VENV, "--for", "lm-eval", "-m", "lm_eval", *map(str, arguments)], check=False,
        capture_output=True, text=True, timeout=600,
        env={**os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    results = json.loads(next(out.rglob("results_*.json")).read_text())["results"]
    samples = {}
    for name in TASKS:
        lines = next(out.rglob(f"samples_{name}_*.jsonl")).read_text().splitlines()
        samples[name] = sorted(map(json.loads, lines), key=lambda s: s["doc_id"])
    return results, samples


@pytest.fixture(scope="module")
def exact(model_file):
    with Server(model_file, "--activations", "f32", "--context", 512) as running:
        yield running


@pytest.mark.parametrize("batch, options", [
    # One request at a time, and one prompt in each.
    (1, "num_concurrent=1"),
    # Lists of prompts as token ids, several requests at once.
    (3, "num_concurrent=4")])
def test_the_harness_gives_the_scores_that_hugging_face_gives(exact, tmp_path, batch, options):
    results, samples = evaluate(exact, tmp_path, batch, options)

    expected = prompt_scores()
    got = [float(s["filtered_resps"][0][0]) for s in samples["prompts"]]
    assert got == pytest.approx(expected, rel=2e-3)
    mean = sum(expected) / len(expected)
    assert results["prompts"]["perplexity,none"] == pytest.approx(math.exp(-mean), rel=0.05)

    # Half of the answers are those that greedy decoding gives.
    right = [i % 2 == 0 for i in range(2 * len(SURE))]
    assert [s["acc"] == 1 for s in samples["answers"]] == right
    assert results["answers"]["acc,none"] == 0.5
    assert [s["exact_match"] == 1 for s in samples["continuations"]] == right
    assert results["continuations"]["exact_match,none"] == 0.5
