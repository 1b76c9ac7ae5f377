"""A model file, and what running it takes at least."""

import dataclasses
import pathlib

from peer import programs


@dataclasses.dataclass
class ModelFile:
    """A file, and what `troupe inspect` says about it."""
    format: str
    model: str
    path: pathlib.Path
    facts: dict

    def bytes_of_token(self, context):
        """Bytes that decoding one token must read: every weight, but of experts only the chosen ones,
        and the keys and values of its context."""
        facts = self.facts
        weights = facts["weight_bytes"] * facts["active_parameters"] / facts["parameters"]
        return weights + context * facts["kv_bytes_per_token"]

    def prompt_operations(self, length):
        """(those of the products, those of the attention) of a prompt; a multiply-add is two. The
        head is applied to the last token only."""
        facts = self.facts
        head = facts["vocabulary"] * facts["hidden_size"]
        products = 2 * (length * (facts["active_parameters"] - head) + head)
        attention = 2 * facts["layers"] * facts["heads"] * facts["head_size"] * length * (length + 1)
        return products, attention

    def is_float(self):
        return self.format == "F16"


def model_file(kind, model, path):
    """The file as `troupe inspect` sees it."""
    return ModelFile(kind, model, path, programs.inspect(path))
