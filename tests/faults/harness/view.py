"""What GET /cluster says."""

import dataclasses
import json
from typing import Any


@dataclasses.dataclass(frozen=True)
class Node:
    """A worker process. `peer` is drawn anew at each start, so it names this one and no later one."""

    name: str
    peer: str
    pid: int
    state: str
    holds: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Stage:
    """A range of layers: the node that runs it and the one that could."""

    first: int
    last: int
    node: str
    buddy: str | None


@dataclasses.dataclass(frozen=True)
class View:
    """The cluster at one moment."""

    epoch: int
    redundant: bool
    nodes: tuple[Node, ...]
    stages: tuple[Stage, ...]
    join: str | None  # where a new node asks to join

    def up(self) -> list[Node]:
        return [node for node in self.nodes if node.state == "up"]

    def named(self, name: str) -> Node | None:
        return next((node for node in self.nodes if node.name == name), None)

    def with_peer(self, peer: str) -> Node | None:
        return next((node for node in self.nodes if node.peer == peer), None)


def parse_view(text: str) -> View:
    """Raises ValueError where a field is missing or of another kind."""
    try:
        body = json.loads(text)
        nodes = tuple(_node(node) for node in body["nodes"])
        stages = tuple(Stage(s["first"], s["last"], s["node"], s["buddy"]) for s in body["stages"])
        return View(int(body["epoch"]), body["redundant"] is True, nodes, stages, body.get("join"))
    except (KeyError, TypeError) as e:
        raise ValueError(f"GET /cluster: {e!r} in {text[:300]}") from e


def _node(node: dict[str, Any]) -> Node:
    holds = tuple(what if isinstance(what, str) else json.dumps(what) for what in node["holds"])
    return Node(node["name"], str(node["peer"]), int(node["pid"]), node["state"], holds)
