"""The parts of the comparison that need neither llama.cpp nor a model.

  python3 -m unittest discover -s tests/bench
"""

import sys
import time
import unittest

from peer import document, limits, machine, report
from peer.model_file import ModelFile
from peer.start import measure_starts
from peer.turns import SIDES, Test, ratio_of, take_turns
from peer.worker import Worker, WorkerError

FACTS = {"weight_bytes": 100e6, "active_parameters": 10, "parameters": 10, "kv_bytes_per_token": 1000,
         "vocabulary": 4, "hidden_size": 1, "layers": 1, "heads": 1, "head_size": 1}
LIMITS = {"read_bytes_per_second": 20e9, "integer_per_second": 400e9, "float_per_second": 200e9}


def echo_worker(reply, greeting="{}"):
    """A worker that answers every line with the JSON text `reply`."""
    script = f"import sys\nprint({greeting!r}, flush=True)\nfor _ in sys.stdin: print({reply!r}, flush=True)"
    return Worker("echo", [sys.executable, "-c", script])


def result(label, unit, ours, theirs, **more):
    return {"label": label, "unit": unit, "troupe": ours, "llama_cpp": theirs, **more}


def comparison(disturbance=0.0):
    results = [result("start to first token of 32", "s", [0.2, 0.3, 0.25], [0.5, 0.5, 0.5]),
               result("peak memory", "bytes", [1 << 20], [2 << 20]),
               result("prefill of 512", "tokens/s", [400.0], [100.0],
                      limit_share={"troupe": 0.8, "llama_cpp": 0.2})]
    return {"machine": {"processor": "A processor", "cores": 2, "l3_bytes": 32 << 20}, "limits": LIMITS,
            "threads": 2, "repetitions": 3, "disturbance": disturbance,
            "troupe": {"target": "AVX2"}, "llama_cpp": {"version": "1.0"},
            "files": [{"format": "Q4_1", "model": "a model", "bytes_by_type": {"Q4_1": 5 << 20},
                       "results": results}]}


class Report(unittest.TestCase):
    def test_a_test_needs_whole_pages_of_each_stream(self):
        self.assertEqual(Test("prefill", 512).positions(), 34 * 16)
        self.assertEqual(Test("decode", 32, 16, 32).positions(), 16 * 6 * 16)

    def test_a_comparison_becomes_a_table_of_medians_ratios_and_shares(self):
        text = report.to_text(comparison())
        self.assertRegex(text, r"start to first token of 32 +0\.25 s +0\.50 s +2\.00x +- +-\n")
        self.assertRegex(text, r"peak memory +1 MiB +2 MiB +2\.00x")
        self.assertRegex(text, r"prefill of 512 +400\.0 tokens/s +100\.0 tokens/s +4\.00x +80% +20%\n")
        self.assertIn("20.0 GB/s", text)
        self.assertNotIn("Other programs", text)

    def test_a_busy_machine_is_said_to_be_one(self):
        self.assertIn("Other programs took 30%", report.to_text(comparison(0.3)))

    def test_the_document_takes_new_tables_between_its_marks_and_keeps_the_rest(self):
        old = "before\n<!-- tables: begin -->\nold\n<!-- tables: end -->\nafter\n"
        new = document.with_block(old, "tables", report.to_markdown(comparison()))
        self.assertTrue(new.startswith("before\n") and new.endswith("after\n"))
        self.assertIn("| prefill of 512 | 400.0 tokens/s |", new)
        self.assertNotIn("old", new)
        with self.assertRaises(ValueError):
            document.with_block("no marks", "tables", "")

    def test_every_series_has_a_caption_and_a_plot(self):
        growth = {name: {"disturbance": 0.0} for name in document.CAPTIONS}
        growth["streams"]["disturbance"] = 0.5
        block = document.plots_block(growth)
        self.assertIn("![Speed against experts](images/growth-experts.png)\n", block)
        self.assertEqual(block.count("Other programs took 50%"), 1)

    def test_the_project_s_document_has_its_marks_and_its_plots(self):
        text = document.DOCUMENT.read_text(encoding="utf-8")
        for name in ("tables", "plots"):
            self.assertIn("something new", document.with_block(text, name, "something new"))
        for image in document.IMAGES.glob("growth-*.png"):
            self.assertIn(image.name, text)

    def test_what_one_side_did_not_measure_has_no_ratio(self):
        self.assertIsNone(ratio_of(result("decode", "tokens/s", [1.0], None)))


class Limits(unittest.TestCase):
    model = ModelFile("Q4_1", "a model", None, FACTS)

    def share(self, speed, **test):
        return limits.share_of_limit({"troupe": [speed], **test}, "troupe", self.model, LIMITS)

    def test_decoding_one_stream_is_held_against_the_memory(self):
        # 100 MB of weights and 1000 positions of a kilobyte, at 20 GB/s: 198 tokens a second.
        share = self.share(99.0, test="decode", streams=1, prompt_tokens=968, tokens=64)
        self.assertAlmostEqual(share, 0.5, places=2)

    def test_a_prefill_is_held_against_the_arithmetic(self):
        # 2 * (100 * (10 - 4) + 4) products of bytes; 2 * 100 * 101 in the attention.
        least = 1208 / 400e9 + 20200 / 200e9
        share = self.share(100 / least / 4, test="prefill", prompt_tokens=100)
        self.assertAlmostEqual(share, 0.25)

    def test_many_streams_have_no_single_limit(self):
        self.assertIsNone(self.share(99.0, test="decode", streams=4, prompt_tokens=1, tokens=1))

    def test_only_the_chosen_experts_are_read(self):
        facts = {**FACTS, "active_parameters": 1}
        self.assertEqual(ModelFile("Q4_1", "a model", None, facts).bytes_of_token(10), 10e6 + 10e3)


class Workers(unittest.TestCase):
    def test_both_sides_are_asked_in_turn_and_sleep_meanwhile(self):
        said = []
        with echo_worker('{"tokens_per_second": 2.0}') as ours, \
                echo_worker('{"tokens_per_second": 1.0, "flash_attention": true}') as theirs:
            measured = take_turns(dict(zip(SIDES, (ours, theirs))), Test("decode", 1, 1, 8), 3,
                                  said.append)
        self.assertEqual((measured["troupe"], measured["llama_cpp"]), ([2.0] * 3, [1.0] * 3))
        self.assertEqual(ratio_of(measured), 2.0)
        self.assertEqual(measured["llama_cpp_setting"], {"flash_attention": True})
        self.assertLess(measured["idle_side_cpu_seconds"], 0.5)
        self.assertEqual(said[2:4], ["decode at context 0: troupe 1/3",
                                     "decode at context 0: llama_cpp 1/3"])

    def test_starts_are_measured_in_turn_and_without_python_s_own_memory(self):
        theirs = ('{"load_seconds": 2.0, "memory_before": 1000000}', '{"seconds": 3.0}')
        load, first, memory = measure_starts(
            {"troupe": lambda: echo_worker("{}"), "llama_cpp": lambda: echo_worker(theirs[1], theirs[0])},
            2, lambda _: None)
        self.assertEqual((load["llama_cpp"], first["llama_cpp"]), ([2.0, 2.0], [5.0, 5.0]))
        self.assertTrue(all(0 < a <= b for a, b in zip(load["troupe"], first["troupe"])))
        self.assertAlmostEqual(memory["llama_cpp"][0] + 1e6, memory["troupe"][0], delta=2e6)

    def test_a_worker_s_error_names_it(self):
        with echo_worker('{"error": "too long"}') as worker, \
                self.assertRaisesRegex(WorkerError, "echo: too long"):
            worker.ask(test="prefill")

    def test_a_worker_that_dies_leaves_its_last_words(self):
        with self.assertRaisesRegex(WorkerError, "echo ended: no such model"):
            Worker("echo", [sys.executable, "-c", "raise SystemExit('no such model')"])

    def test_no_worker_outlives_its_owner_s_error(self):
        with self.assertRaises(KeyboardInterrupt), \
                Worker("busy", [sys.executable, "-c", "print('{}', flush=True)\nwhile True: pass"]) as busy:
            raise KeyboardInterrupt
        self.assertIsNotNone(busy.process.returncode)

    def test_peak_memory_and_processor_time_are_read(self):
        with echo_worker("{}") as worker:
            self.assertGreater(worker.peak_memory(), 1 << 20)
            self.assertGreaterEqual(worker.cpu_seconds(), 0)


class Machine(unittest.TestCase):
    def test_the_machine_is_described(self):
        self.assertGreaterEqual(machine.describe()["cores"], 1)

    def test_others_work_is_a_share_of_the_whole(self):
        watch = machine.Disturbance()
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            pass
        self.assertTrue(0 <= watch.share() <= 2)


if __name__ == "__main__":
    unittest.main()
