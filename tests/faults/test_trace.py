"""The requests drawn from a seed."""

from harness.trace import Size, make_trace

SIZE = Size(requests=28, tokens=40, long_words=50)


def test_the_same_seed_is_the_same_requests_and_another_is_not():
    assert make_trace(1, "m", SIZE) == make_trace(1, "m", SIZE)
    assert make_trace(1, "m", SIZE) != make_trace(2, "m", SIZE)


def test_a_request_does_not_depend_on_how_many_follow():
    assert make_trace(1, "m", Size(requests=7, tokens=40, long_words=50)) == make_trace(1, "m", SIZE)[:7]


def test_all_that_a_client_may_do_is_there():
    trace = make_trace(3, "m", SIZE)
    bodies = [request.body for request in trace]
    assert all(body["stream"] and body["model"] == "m" and "seed" in body for body in bodies)
    assert any(body["temperature"] == 0 for body in bodies)
    assert any(body["temperature"] > 0 for body in bodies)
    assert any(body.get("n") == 2 for body in bodies)
    assert any(body.get("logprobs") for body in bodies)
    assert any(body.get("repetition_penalty") for body in bodies)
    assert any(not body["ignore_eos"] for body in bodies)
    assert any(len(str(body.get("prompt", "")).split()) == SIZE.long_words for body in bodies)
    assert {request.path for request in trace} == {"/v1/chat/completions", "/v1/completions"}


def test_a_cancelled_request_is_cancelled_before_its_answer_can_end():
    cancelled = [request for request in make_trace(1, "m", SIZE) if request.cancel_after is not None]
    assert cancelled
    assert all(0 < request.cancel_after < request.body["max_tokens"] for request in cancelled)


def test_long_prompts_begin_alike():
    prompts = [request.body["prompt"] for request in make_trace(1, "m", SIZE) if request.kind == "long"]
    begin = len(prompts[0]) // 3
    assert len(prompts) > 1 and len(set(prompts)) == len(prompts)
    assert len({prompt[:begin] for prompt in prompts}) == 1
