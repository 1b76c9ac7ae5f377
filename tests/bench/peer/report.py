"""Tables of a comparison: for a terminal and for docs/performance.md."""

from peer.turns import SIDES, median_of, ratio_of

DISTURBED = 0.05  # share of the processors that others may have had
HEAD = ["", "troupe", "llama.cpp", "ratio", "troupe's share", "llama.cpp's share"]


def heading(comparison):
    """What was measured where, in a few lines."""
    machine, limits = comparison["machine"], comparison["limits"]
    lines = [f"{machine['processor']}, {machine['cores']} cores, "
             f"L3 {_size(machine['l3_bytes'])}; {comparison['threads']} threads; "
             f"medians of {comparison['repetitions']}, taken in turn",
             f"troupe: kernels {comparison['troupe']['target']}; "
             f"llama.cpp: llama-cpp-python {comparison['llama_cpp']['version']}, built natively"]
    if limits:
        lines.append(f"The machine reads {limits['read_bytes_per_second'] / 1e9:.1f} GB/s and does "
                     f"{limits['integer_per_second'] / 1e9:.0f} G operations/s on bytes, "
                     f"{limits['float_per_second'] / 1e9:.0f} G on float32")
    if comparison["disturbance"] > DISTURBED:
        lines.append(disturbed(comparison))
    return lines


def disturbed(measured):
    return (f"Other programs took {measured['disturbance']:.0%} of the processors meanwhile: "
            "measure again on an idle machine")


def title(entry):
    types = ", ".join(f"{name} {_size(size)}" for name, size in entry["bytes_by_type"].items())
    return f"{entry['format']} ({entry['model']}: {types})"


def rows(entry):
    """Cells of each measurement, in the order of HEAD."""
    return [[result["label"], *(_figure(median_of(result, side), result["unit"]) for side in SIDES),
             _times(ratio_of(result)),
             *(_percent(result.get("limit_share", {}).get(side)) for side in SIDES)]
            for result in entry["results"]]


def to_text(comparison):
    parts = heading(comparison)
    for entry in comparison["files"]:
        parts += ["", title(entry), *_align([HEAD, *rows(entry)])]
    return "\n".join(parts) + "\n"


def to_markdown(comparison):
    parts = [*(f"{line}  " for line in heading(comparison))]
    for entry in comparison["files"]:
        parts += ["", f"**{title(entry)}**", "", _markdown_row(HEAD),
                  _markdown_row(["---"] + ["--:"] * (len(HEAD) - 1)),
                  *map(_markdown_row, rows(entry))]
    return "\n".join(line.rstrip() if not line.endswith("  ") else line for line in parts) + "\n"


def _markdown_row(cells):
    return f"| {' | '.join(cells)} |"


def _align(table):
    widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    return ["  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
            for row in table]


def _figure(value, unit):
    if value is None:
        return "-"
    if unit == "bytes":
        return _size(value)
    return f"{value:.2f} s" if unit == "s" else f"{value:.1f} tokens/s"


def _size(value):
    return f"{value / (1 << 20):.0f} MiB" if value else "unknown"


def _times(value):
    return "-" if value is None else f"{value:.2f}x"


def _percent(value):
    return "-" if value is None else f"{value:.0%}"
