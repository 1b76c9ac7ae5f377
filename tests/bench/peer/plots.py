"""Draws how speed grows, from the JSON of peer.growth."""

import statistics

from matplotlib.figure import Figure

AXES = {"context": "tokens of context", "streams": "streams at once", "threads": "threads",
        "experts": "experts, of which 8 are chosen"}
SIDES = {"troupe": ("troupe", "#0b6e4f", "o"), "llama_cpp": ("llama.cpp", "#b5541c", "s")}


def draw(name, series, path):
    """Writes a PNG with one panel for each kind of measurement: medians, and the samples' range."""
    panels = [kind for kind in ("prefill", "decode") if kind in series]
    figure = Figure(figsize=(5 * len(panels), 3.6))
    axes = figure.subplots(1, len(panels), squeeze=False)
    for axis, kind in zip(axes[0], panels):
        for side in SIDES:
            _draw_side(axis, series[kind], side)
        _label(axis, name, kind, [point["x"] for point in series[kind]])
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _draw_side(axis, points, side):
    label, colour, marker = SIDES[side]
    measured = [point for point in points if point.get(side)]
    xs = [point["x"] for point in measured]
    axis.plot(xs, [statistics.median(point[side]) for point in measured], label=label, color=colour,
              marker=marker, markersize=4)
    axis.fill_between(xs, [min(point[side]) for point in measured],
                      [max(point[side]) for point in measured], color=colour, alpha=0.15, linewidth=0)


def _label(axis, name, kind, xs):
    if name == "context":
        axis.set_xlim(0, max(xs))
        axis.set_xlabel("tokens of the prompt" if kind == "prefill" else AXES[name])
    else:
        axis.set_xscale("log", base=2)
        axis.set_xticks(xs, [str(x) for x in xs])
        axis.minorticks_off()
        axis.set_xlabel(AXES[name])
    axis.set_ylim(bottom=0)
    axis.set_ylabel("tokens/s")
    axis.set_title("decode, all streams" if name == "streams" else kind, fontsize=10)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
