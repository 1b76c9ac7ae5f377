"""How near a speed comes to what the machine's memory and arithmetic allow."""

from peer.turns import median_of


def share_of_limit(result, side, model, limits):
    """0 .. 1, or None where no one limit says what is possible.

    Decoding one stream reads every weight and the context's keys and values once a token. A prefill
    needs its multiply-adds: products of bytes where weights are quantised, of floats where they are
    not, and of floats in the attention."""
    speed = median_of(result, side)
    if speed is None or limits is None:
        return None
    if result["test"] == "decode" and result["streams"] == 1:
        context = result["prompt_tokens"] + result["tokens"] / 2
        return speed * model.bytes_of_token(context) / limits["read_bytes_per_second"]
    if result["test"] == "prefill":
        products, attention = model.prompt_operations(result["prompt_tokens"])
        rate = limits["float_per_second" if model.is_float() else "integer_per_second"]
        least = products / rate + attention / limits["float_per_second"]
        return least * speed / result["prompt_tokens"]
    return None
