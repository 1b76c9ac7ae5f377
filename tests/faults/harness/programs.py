"""The module of the end-to-end tests that starts troupe's programs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
import troupe_server  # noqa: E402  (found by the line above)

__all__ = ["troupe_server"]
