"""What all strikes share, and how they choose their victims."""

import abc
import dataclasses
import random
from typing import ClassVar

from harness.client import Manners
from harness.cluster import Cluster, Impossible
from harness.view import Node, View


@dataclasses.dataclass(frozen=True)
class Aim:
    """Added seconds between two tokens: what is wanted, and what is too long."""

    wanted: float
    most: float


class Strike(abc.ABC):
    """One thing that happens while streams go on. A subclass with a `name` can be asked for by it."""

    name: ClassVar[str] = ""
    aim: ClassVar[Aim | None] = None
    least_workers: ClassVar[int] = 2
    loses: ClassVar[bool] = False  # a control: streams must be lost, or the harness sees nothing
    least_experts: ClassVar[int] = 0  # workers for experts only
    in_soak: ClassVar[bool] = True
    resumes: ClassVar[bool] = False  # clients must come back for streams; with other strikes they may not
    least_gateways: ClassVar[int] = 0
    supervisors: ClassVar[bool | None] = None  # only where there are such; False: only where not
    hosts: ClassVar[int] = 0  # nodes that must be on hosts of their own, which only root can make
    manners: ClassVar[Manners] = Manners()  # of the clients

    def __init_subclass__(cls) -> None:
        if cls.name:
            _known[cls.name] = cls

    @abc.abstractmethod
    def run(self, cluster: Cluster, draw: random.Random) -> None:
        """Strikes; returns when nothing more will be done. Raises Impossible."""

    @classmethod
    def what(cls) -> str:
        """One line for a person."""
        return (cls.__doc__ or "").strip().splitlines()[0]


_known: dict[str, type[Strike]] = {}


def strikes() -> dict[str, type[Strike]]:
    """Every strike by its name."""
    return dict(_known)


def stage_owners(view: View) -> list[Node]:
    """Workers that are up and run a stage: attention blocks and their caches."""
    names = {stage.node for stage in view.stages}
    return [node for node in view.up() if node.name in names]


def only_experts(view: View) -> list[Node]:
    """Workers that are up and hold expert shards and nothing of a stage."""
    names = {name for stage in view.stages for name in (stage.node, stage.buddy)}
    return [node for node in view.up()
            if node.name not in names and any("expert" in what.lower() for what in node.holds)]


def one_of(nodes: list[Node], what: str, draw: random.Random) -> Node:
    """Raises Impossible where there is none."""
    if not nodes:
        raise Impossible(f"no worker {what}")
    return draw.choice(nodes)


def whole(cluster: Cluster) -> View:
    """The cluster's state, once each stage has an owner that is up."""

    def complete(view: View) -> View | None:
        up = {node.name for node in view.up()}
        return view if view.stages and all(stage.node in up for stage in view.stages) else None

    return cluster.wait(complete, "every stage has an owner")
