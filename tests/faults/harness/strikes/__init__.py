"""What can happen to a cluster. A strike is a class with a name (base.py); importing it is enough."""

from harness.strikes import control, elastic, freeze, gateways, head, kill, link
from harness.strikes.base import Aim, Strike, strikes

__all__ = ["Aim", "Strike", "control", "elastic", "freeze", "gateways", "head", "kill", "link", "strikes"]
