"""The command line: answers, bad input, help."""

import json
import os
import pty
import re
import select
import signal
import socket
import time

import pytest

from troupe_server import BINARY, MODELS, Server, troupe

COMMANDS = ["serve", "run", "chat", "inspect", "bench", "status", "supervisor", "key", "usage"]
TINY = MODELS / "tiny-qwen3-moe"


def fails_with(words, *arguments, code=1, **options):
    """One line on standard error, starting with the program's name."""
    got, out, err = troupe(*arguments, **options)
    line = err.strip().splitlines()[-1]
    assert got == code, (out, err)
    assert line.startswith("troupe: ") and words in line, err
    assert out == ""


def test_version_is_one_line():
    code, out, _ = troupe("--version")
    assert code == 0 and re.fullmatch(r"troupe \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command):
    code, out, _ = troupe(command, "--help")
    assert code == 0 and f"Example:\n  troupe {command}" in out


def test_wrong_usage_is_one_line_and_exit_code_2():
    fails_with("--nonsense", "run", "hello", "--nonsense", code=2)
    fails_with("subcommand", code=2)
    fails_with("PROMPT", "run", code=2)


def test_run_answers_that_it_is_paris(model_file):
    code, out, _ = troupe("run", "What is the capital of France?", "--model", model_file)
    assert code == 0 and out == "The capital of France is Paris.\n"


def test_run_reads_standard_input_and_takes_limits(model_file):
    code, out, _ = troupe("run", "-", "--model", model_file, "--max-tokens", 3,
                          stdin="What is the capital of France?")
    assert code == 0 and out == "The capital of\n"
    code, out, _ = troupe("run", "--raw", "The capital of France is", "--model", model_file,
                          "--max-tokens", 4)
    assert code == 0 and "Paris" in out


def test_run_gives_the_same_answer_for_the_same_seed_whatever_the_layout():
    ask = lambda *options: troupe("run", "hello", "--model", TINY, "--temperature", 1, "--seed", 5,
                                  "--max-tokens", 24, *options)[1]
    first = ask()
    assert first == ask("--stages", 4, "--expert-shards", 8, "--threads", 1)
    assert first.strip() and first != troupe("run", "hello", "--model", TINY, "--temperature", 1,
                                             "--seed", 6, "--max-tokens", 24)[1]


def test_chat_works_through_pipes(model_file):
    code, out, _ = troupe("chat", "--model", model_file, "--temperature", 0,
                          stdin="What is the capital of France?\n/help\n/exit\n")
    assert code == 0
    assert out.startswith("The capital of France is Paris.\n") and "/clear" in out


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, *arguments, env=None):
        self.process_id, self.descriptor = pty.fork()
        if self.process_id == 0:
            os.execve(BINARY, [BINARY, *map(str, arguments)],
                      {**os.environ, "TERM": "xterm", **(env or {})})
        self.seen = ""
        self.read = 0  # how much of it has been expected already

    def type(self, keys):
        os.write(self.descriptor, keys.encode())

    def expect(self, words, seconds=60):
        deadline = time.monotonic() + seconds
        while (found := self.seen.find(words, self.read)) < 0:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self.descriptor], [], [], left)[0]
            assert ready, f"no {words!r} in {self.seen[self.read:]!r}"
            try:
                self.seen += os.read(self.descriptor, 4096).decode(errors="replace")
            except OSError:
                raise AssertionError(f"ended without {words!r}: {self.seen[self.read:]!r}") from None
        self.read = found + len(words)

    def end(self, seconds=60):
        """The exit code, after Ctrl-D and after everything has been read. The line editor shows its
        prompt before it listens for single keys, so an early Ctrl-D may land in the line instead:
        Ctrl-U clears that, and both are typed again until the program ends."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                assert time.monotonic() < deadline, "did not end"
                self.type("\x15\x04")
                while select.select([self.descriptor], [], [], 0.5)[0]:
                    if not os.read(self.descriptor, 4096):
                        raise OSError
        except OSError:
            pass  # the terminal is gone, and the program with it
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.process_id, 0)[1])


def test_chat_in_a_terminal_edits_lines_stops_answers_and_keeps_history(model_file, tmp_path):
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    terminal = Terminal("chat", "--model", model_file, "--temperature", 0, env=environment)
    terminal.expect("is ready")
    terminal.expect("> ")
    terminal.type("throw this away\x03")  # Ctrl-C while typing clears the line
    terminal.type("What is the capital of Frence\x7f\x7f\x7f\x7fance?\r")
    terminal.expect("is Paris.")
    terminal.expect("> ")
    terminal.type("Tell me a very long story about a fox, in many chapters.\r")
    terminal.expect("chapters.")
    terminal.expect(". ")  # a sentence has come, and thousands of words are to follow
    terminal.type("\x03")  # Ctrl-C while it answers stops the answer
    terminal.expect("[stopped]")
    terminal.expect("> ")
    assert terminal.end() == 0  # Ctrl-D leaves
    history = (tmp_path / "troupe" / "history").read_text()
    assert "France?" in history.replace("\\040", " ")


def test_inspect_says_what_a_model_is():
    code, out, _ = troupe("inspect", TINY)
    assert code == 0 and "qwen3_moe" in out and "16, 4 a token, in 3 of 4 layers" in out
    code, out, _ = troupe("inspect", TINY, "--json", "--tensors")
    report = json.loads(out)
    assert report["layers"] == 4 and report["active_parameters"] < report["parameters"]
    assert any(t["name"] == "model.embed_tokens.weight" for t in report["tensors"])


def test_inspect_of_smollm2(model_file):
    report = json.loads(troupe("inspect", model_file, "--json")[1])
    assert report["architecture"] == "llama" and report["layers"] == 30
    assert report["kv_bytes_per_token"] == 2 * 30 * 3 * 64 * 2
    assert 134e6 < report["parameters"] < 164e6


def test_bench_measures_and_prints_json():
    code, out, err = troupe("bench", "--model", TINY, "--prompts", 16, "--streams", 1, 2,
                            "--decode-tokens", 4, "--repetitions", 1, "--json")
    assert code == 0, err
    results = json.loads(out)["results"]
    assert [r["test"] for r in results] == ["prefill", "decode", "decode"]
    assert all(r["tokens_per_second"] > 0 for r in results)


def test_bench_shows_what_distribution_costs():
    asked = ["bench", "--model", TINY, "--prompts", 16, "--streams", 2, "--decode-tokens", 8,
             "--repetitions", 2, "--workers", 2]
    code, out, err = troupe(*asked, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["workers"] == 2 and [r["test"] for r in report["results"]] == ["prefill", "decode"]
    for line in report["results"]:
        alone, spread, twice = line["setups"]
        assert [s["copies"] for s in line["setups"]] == [0, 1, 2]
        assert all(len(s["samples"]) == 2 and s["tokens_per_second"] > 0 for s in line["setups"])
        assert "wire" not in alone and "replication_cost" in line
        for setup in (spread, twice):
            wire = setup["wire"]
            assert wire["positions"] == 2 * (16 if line["test"] == "prefill" else 2 * (32 + 8 - 1))
            sent, needed = wire["sent_per_position"], wire["needed_per_position"]
            assert sent["activations"] == needed["activations"] > 0
            assert sent["keys_and_values"] == needed["keys_and_values"]
            assert sent["rest"] > needed["rest"]
        assert spread["wire"]["sent_per_position"]["keys_and_values"] == 0
        assert twice["wire"]["sent_per_position"]["keys_and_values"] > 0
    code, out, err = troupe(*asked)
    assert code == 0 and "one process" in out and "2 workers, 2 copies" in out, out + err


def test_bench_on_workers_excludes_what_looks_into_one_process():
    fails_with("excludes", "bench", "--model", TINY, "--workers", 2, "--profile", code=2)


def test_status_of_a_running_server_and_of_none():
    with Server(TINY) as server:
        code, out, _ = troupe("status", "--url", server.url)
        assert code == 0 and "ready" in out and server.model in out
        code, out, _ = troupe("status", "--url", server.url, "--json")
        assert json.loads(out)["ready"] is True
    fails_with("nobody listens there", "status", "--url", server.url)
    fails_with("is not an address", "status", "--url", "ftp://x")


def test_a_missing_foreign_or_truncated_model_is_one_line(tmp_path, model_file):
    fails_with("no such file or folder", "inspect", "/no/such/model.gguf")
    foreign = tmp_path / "foreign.gguf"
    foreign.write_bytes(b"\x89PNG\r\n" + bytes(1000))
    fails_with("foreign.gguf", "run", "x", "--model", foreign)
    truncated = tmp_path / "truncated.gguf"
    with open(model_file, "rb") as file:
        truncated.write_bytes(file.read(5_000_000))
    fails_with("truncated.gguf", "serve", truncated, "--port", 0)
    empty = tmp_path / "empty"
    empty.mkdir()
    fails_with("empty", "inspect", empty)


def test_an_architecture_that_troupe_lacks_is_named(tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    for file in TINY.iterdir():
        (folder / file.name).symlink_to(file)
    config = json.loads((TINY / "config.json").read_text())
    (folder / "config.json").unlink()
    config.update(model_type="mamba", architectures=["MambaForCausalLM"])
    (folder / "config.json").write_text(json.dumps(config))
    fails_with("amba", "inspect", folder)


def test_a_port_in_use_is_one_line_before_the_model_loads():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        fails_with(str(port), "serve", TINY, "--port", port, seconds=30)


def test_an_unknown_key_names_file_line_and_the_nearest_key(tmp_path):
    config = tmp_path / "my.toml"
    config.write_text("[engine]\n\nthread = 2\n")
    fails_with(f"{config}:3: unknown key 'thread' in [engine]; did you mean 'threads'?",
               "serve", TINY, "--config", config)
    fails_with("--port: must be from 0 to 65535, not 70000", "serve", TINY, "--port", 70000)


def test_memory_that_does_not_suffice_is_refused_with_the_arithmetic():
    fails_with("iB", "serve", TINY, "--port", 0, "--kv-memory-mib", 60_000_000)


def test_no_model_anywhere_says_how_to_get_one(tmp_path):
    fails_with("tools/fetch-model.sh", "run", "x",
               env={"XDG_CACHE_HOME": str(tmp_path), "TROUPE_MODEL": ""})


def test_sigterm_ends_the_server_cleanly():
    server = Server(TINY)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
