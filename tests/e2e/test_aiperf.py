"""aiperf, as NVIDIA ships it, loads a server with streams and reports no error."""

import pytest

from load_report import line, make_tokenizer, measure, table
from troupe_server import Server


@pytest.fixture(scope="module")
def home(model_file, tmp_path_factory):
    return make_tokenizer(model_file, tmp_path_factory.mktemp("home"))


def test_aiperf_reports_what_its_streams_saw(model_file, home, tmp_path):
    with Server(model_file, "--context", 1024) as server:
        report = measure(server.url, server.model, home, 4, 8, tmp_path, prompt=32, answer=16)
    assert report["request_count"]["avg"] == 8
    assert not report.get("error_summary")
    assert report["output_sequence_length"]["avg"] == 16
    # The template adds its own to the prompt.
    assert 32 <= report["input_sequence_length"]["avg"] < 100
    assert 0 < report["inter_token_latency"]["p50"] and 0 < report["time_to_first_token"]["p50"]
    assert table([line(4, report)]).count("|") == 27
