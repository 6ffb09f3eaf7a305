"""The shape of a trace: who hangs under whom, when the links between spans cannot be trusted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

FOLD_ABOVE = 10


@dataclass(slots=True)
class Link:
    """One span as the tree needs it: its name, its moment, and whom it calls its parents."""

    span_id: str
    parents: Sequence[str]
    name: str
    start_s: float
    type: str | None = None


@dataclass(slots=True)
class Node:
    """One line of the tree.

    Attributes:
        kind: `span`; `missing`, a parent that was named but not received; `group`, a run of
            siblings of one name that the page shows folded.
        depth: levels below the top.
        span: index of the span, for a group that of its first member, None for a missing parent.
        size: how many of the nodes that follow lie below this one.
        missing_id: span id of the parent that was not received.
        other_parents: further parents the span has beside the one it hangs under.
        cut: the parent link led back to the span itself and was not followed.
        members: how many siblings a group holds.
    """

    kind: str
    depth: int
    span: int | None = None
    size: int = 0
    missing_id: str | None = None
    other_parents: list[str] = field(default_factory=list)
    cut: bool = False
    members: int = 0


@dataclass(slots=True)
class Tree:
    """Nodes from top to bottom, each before those below it; `children` and `roots` index spans."""

    nodes: list[Node]
    children: dict[int, list[int]]
    roots: list[int]


def grow(spans: Sequence[Link]) -> Tree:
    """Arrange spans into a tree in which every span is seen exactly once.

    A span hangs under the first of its parents that was received. Where none was, it hangs under a
    placeholder for it; where the links run in a circle, the span that started first is cut loose.

    Args:
        spans: the spans of one trace in any order.

    Example:
        >>> tree = grow([Link("a", [], "agent", 0.0), Link("b", ["a"], "chat", 1.0)])
        >>> [(node.kind, node.depth, node.span) for node in tree.nodes]
        [('span', 0, 0), ('span', 1, 1)]
    """
    order = sorted(range(len(spans)), key=lambda index: spans[index].start_s)
    parents, cut = _choose_parents(spans, order)
    children: dict[int, list[int]] = defaultdict(list)
    orphans: dict[str, list[int]] = defaultdict(list)
    tops: list[int | str] = []
    for index in order:
        parent = parents[index]
        if isinstance(parent, int):
            children[parent].append(index)
        elif parent is None:
            tops.append(index)
        else:
            if parent not in orphans:
                tops.append(parent)
            orphans[parent].append(index)
    planter = _Planter(spans, parents, children, orphans, cut)
    roots = [index for index in order if not isinstance(parents[index], int)]
    return Tree(planter.plant(tops), dict(children), roots)


def _choose_parents(
    spans: Sequence[Link], order: Sequence[int]
) -> tuple[list[int | str | None], set[int]]:
    """For each span its parent's index, the id of a missing one, or None; and those cut loose."""
    known: dict[str, int] = {}
    for index in order:
        known.setdefault(spans[index].span_id, index)
    received = [
        [known[parent] for parent in span.parents if known.get(parent, index) != index]
        for index, span in enumerate(spans)
    ]
    parents: list[int | str | None] = []
    cut: set[int] = set()
    for index, span in enumerate(spans):
        absent = [parent for parent in span.parents if parent not in known]
        if received[index]:
            parents.append(received[index][0])
        elif absent:
            parents.append(absent[0])
        else:
            parents.append(None)
            if span.parents:
                cut.add(index)  # it named itself
    rank = {index: place for place, index in enumerate(order)}
    for cycle in list(_cycles(parents, order)):
        first = min(cycle, key=rank.__getitem__)
        inside = set(cycle)
        # Another parent may lead out of the circle; one that leads back into it does not help.
        parents[first] = None
        elsewhere = [
            parent
            for parent in received[first]
            if parent not in inside and not _leads_to(parents, parent, first)
        ]
        if elsewhere:
            parents[first] = elsewhere[0]
            continue
        cut.add(first)
        parents[first] = next((name for name in spans[first].parents if name not in known), None)
    return parents, cut


def _cycles(parents: Sequence[int | str | None], order: Sequence[int]) -> Iterator[list[int]]:
    """Each circle in the links, once. Every span has one parent, so circles never share a span."""
    walked_from: dict[int, int] = {}
    for begin in order:
        path: list[int] = []
        at: int | str | None = begin
        while isinstance(at, int) and at not in walked_from:
            walked_from[at] = begin
            path.append(at)
            at = parents[at]
        if isinstance(at, int) and walked_from[at] == begin and at in path:
            yield path[path.index(at) :]


def _leads_to(parents: Sequence[int | str | None], at: int | str | None, goal: int) -> bool:
    seen: set[int] = set()
    while isinstance(at, int) and at not in seen:
        if at == goal:
            return True
        seen.add(at)
        at = parents[at]
    return False


@dataclass(slots=True)
class _Planter:
    """Writes the nodes down from top to bottom, without recursion: chains can be thousands deep."""

    spans: Sequence[Link]
    parents: Sequence[int | str | None]
    children: dict[int, list[int]]
    orphans: dict[str, list[int]]
    cut: set[int]

    def plant(self, tops: Sequence[int | str]) -> list[Node]:
        nodes: list[Node] = []
        open_nodes: list[Node] = []
        waiting: list[tuple[int, int | str | list[int]]] = [
            (0, branch) for branch in reversed(self._fold(tops))
        ]
        positions: dict[int, int] = {}
        while waiting:
            depth, branch = waiting.pop()
            while open_nodes and open_nodes[-1].depth >= depth:
                closed = open_nodes.pop()
                closed.size = len(nodes) - positions[id(closed)] - 1
            node, below = self._node(depth, branch)
            positions[id(node)] = len(nodes)
            nodes.append(node)
            open_nodes.append(node)
            waiting.extend((depth + 1, child) for child in reversed(below))
        for node in open_nodes:
            node.size = len(nodes) - positions[id(node)] - 1
        return nodes

    def _node(
        self, depth: int, branch: int | str | list[int]
    ) -> tuple[Node, Sequence[int | str | list[int]]]:
        if isinstance(branch, str):
            return Node("missing", depth, missing_id=branch), self._fold(self.orphans[branch])
        if isinstance(branch, list):
            return Node("group", depth, span=branch[0], members=len(branch)), branch
        parent = self.parents[branch]
        chosen = self.spans[parent].span_id if isinstance(parent, int) else parent
        others = [
            other
            for other in dict.fromkeys(self.spans[branch].parents)
            if other not in (chosen, self.spans[branch].span_id)
        ]
        node = Node("span", depth, span=branch, other_parents=others, cut=branch in self.cut)
        return node, self._fold(self.children.get(branch, ()))

    def _fold(self, siblings: Sequence[int | str]) -> list[int | str | list[int]]:
        """Runs of more than ten siblings of one name become one branch; order of time is kept.

        Only neighbours fold: an agent that alternates `chat` and `tool` is read turn by turn.
        """
        folded: list[int | str | list[int]] = []
        run: list[int] = []

        def close() -> None:
            if len(run) > FOLD_ABOVE:
                folded.append(list(run))
            else:
                folded.extend(run)
            run.clear()

        for sibling in siblings:
            if isinstance(sibling, str):
                close()
                folded.append(sibling)
                continue
            if run and self._kind(run[-1]) != self._kind(sibling):
                close()
            run.append(sibling)
        close()
        return folded

    def _kind(self, index: int) -> tuple[str, str | None]:
        return self.spans[index].name, self.spans[index].type
