"""The modules of the end-to-end tests that start programs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
import etcd_server  # noqa: E402  (found by the line above)
import supervised  # noqa: E402
import troupe_server  # noqa: E402

__all__ = ["etcd_server", "supervised", "troupe_server"]
