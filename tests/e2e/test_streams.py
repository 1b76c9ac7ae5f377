"""Many clients at once, and clients that hang up."""

import threading

from soak import run_soak


def test_a_client_that_hangs_up_frees_what_it_held(server, client):
    idle = server.wait_for_metric("troupe_num_requests_running", lambda v: v == 0)
    assert idle == 0
    stream = client.chat.completions.create(
        model=server.model, messages=[{"role": "user", "content": "Count to a thousand."}],
        temperature=0, stream=True, max_tokens=1500, extra_body={"ignore_eos": True})
    for _ in zip(range(3), stream):
        pass
    assert server.metric("troupe_num_requests_running") == 1
    stream.close()
    assert server.wait_for_metric("troupe_num_requests_running", lambda v: v == 0) == 0
    assert server.metric("troupe_kv_cache_usage_perc") == 0


def test_32_concurrent_streams_each_get_the_answer_they_get_alone(server):
    result = run_soak(server.url, server.model, clients=32, seconds=0, tokens=16)
    assert result.answers == 32
    assert not result.differences and not result.failures


def test_a_stop_lets_an_answer_under_way_end(tiny, tiny_client):
    # The module's last test: it ends the server.
    stream = tiny_client.completions.create(model=tiny.model, prompt=[5, 6, 7], max_tokens=200,
                                            temperature=0, stream=True,
                                            extra_body={"ignore_eos": True})
    first = next(iter(stream))
    stopper = threading.Thread(target=tiny.stop)
    stopper.start()
    rest = list(stream)
    stopper.join(60)
    assert first.choices and rest[-1].choices[0].finish_reason == "length"
