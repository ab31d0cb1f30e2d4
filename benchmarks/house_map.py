"""The map of the rooms, drawn from the imports: packages as frames, rooms by floor, an arrow per direct need."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.house import House

PLACES = {"siphonbench": (0, 0, 2), "baselines": (1, 0, 1), "leaderboard": (1, 1, 1), "generator": (2, 0, 2)}
"""Row, column and columns taken of each package's frame."""
ROLES = {
    "siphonbench": "the door: Python API, workflows, command line",
    "baselines": "guess",
    "leaderboard": "judge",
    "generator": "make: knows nobody",
}
WIDTH, BOX, GAP, HEAD = 1080, 24, 34, 34  # pixels: picture, height of a room, between floors, title of a frame
_STYLE = (
    "<style>.map text{font:12px system-ui,sans-serif;fill:currentColor}.map .frame{fill:none;stroke:currentColor;"
    "stroke-opacity:.4}.map .room{fill:#8884;stroke:currentColor;stroke-opacity:.5}.map .need{stroke:currentColor;"
    "stroke-opacity:.45;fill:none;marker-end:url(#tip)}.map .title{font-weight:600;font-size:14px}</style>"
    '<defs><marker id="tip" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
    '<path d="M0 0L6 3L0 6z" fill="currentColor"/></marker></defs>'
)


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    x: float
    y: float
    width: float
    height: float


def draw(house: House) -> str:
    """Draw the map as inline SVG without outside resources.

    Parameters
    ----------
    house : House
        A parsed checkout.

    Returns
    -------
    str
        SVG element; its colours follow the text around it.
    """
    frames = frame_boxes(house)
    parts = [_STYLE]
    for package, frame in frames.items():
        parts.append(_rectangle(frame, "frame"))
        title = f"{package}/  {ROLES[package]}"
        parts.append(f'<text class="title" x="{frame.x + 12}" y="{frame.y + 22}">{title}</text>')
        boxes = room_boxes(house, package, frame)
        needs = direct_needs(house.rooms(package))
        parts += [_arrow(boxes[a], boxes[b]) for a in sorted(needs) for b in sorted(needs[a])]
        for room, box in boxes.items():
            files = sum(m == room or m.startswith(room + ".") for m in house.trees)
            label = room.partition(".")[2] + ("/" if files > 1 else "")
            middle = f'x="{box.x + box.width / 2:.0f}" y="{box.y + 16:.0f}" text-anchor="middle"'
            parts += [_rectangle(box, "room"), f"<text {middle}>{escape(label)}</text>"]
    packages = {p: {q for q in PLACES if q != p and _imports(house, p, q)} for p in PLACES}
    for upper, lowers in direct_needs(packages).items():
        parts += [_arrow(frames[upper], frames[lower]) for lower in sorted(lowers)]
    height = max(frame.y + frame.height for frame in frames.values()) + 4
    label = "Rooms of the four packages; an arrow leads from a room to one that it imports directly"
    size = f'viewBox="0 0 {WIDTH} {height:.0f}" style="width:100%;height:auto"'
    return f'<svg class="map" role="img" aria-label="{label}" {size}>{"".join(parts)}</svg>'


def frame_boxes(house: House) -> dict[str, Box]:
    """Place a frame for each package, as high as its floors need."""
    floors = {package: max(house.floors(package).values()) for package in PLACES}
    frames, top = {}, 4.0
    for row in sorted({row for row, _, _ in PLACES.values()}):
        here = {package: place for package, place in PLACES.items() if place[0] == row}
        height = max(HEAD + floors[package] * (BOX + GAP) for package in here)
        for package, (_, column, span) in here.items():
            frames[package] = Box(4 + column * WIDTH / 2, top, span * WIDTH / 2 - 8, height)
        top += height + GAP
    return frames


def room_boxes(house: House, package: str, frame: Box) -> dict[str, Box]:
    """Place the rooms of a package, the highest floor on top."""
    floors = house.floors(package)
    boxes = {}
    for floor in range(1, max(floors.values()) + 1):
        rooms = sorted(room for room in floors if floors[room] == floor)
        pitch = frame.width / len(rooms)
        y = frame.y + frame.height - floor * (BOX + GAP) + GAP / 2
        for k, room in enumerate(rooms):
            width = min(pitch - 12, 150)
            boxes[room] = Box(frame.x + (k + 0.5) * pitch - width / 2, y, width, BOX)
    return boxes


def direct_needs(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Leave out arrows that follow from others.

    Parameters
    ----------
    graph : dict of str to set of str
        What each imports; no circles.

    Examples
    --------
    >>> direct_needs({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    {'a': {'b'}, 'b': {'c'}, 'c': set()}
    """

    def below(room: str) -> set[str]:
        return graph[room].union(*(below(other) for other in graph[room]))

    return {room: {b for b in needs if not any(b in below(c) for c in needs)} for room, needs in graph.items()}


def _imports(house: House, upper: str, lower: str) -> bool:
    modules = (m for m in house.trees if m.partition(".")[0] == upper)
    return any(name.partition(".")[0] == lower for m in modules for name in house.imports(m))


def _rectangle(box: Box, kind: str) -> str:
    size = f'width="{box.width:.0f}" height="{box.height:.0f}"'
    return f'<rect class="{kind}" x="{box.x:.0f}" y="{box.y:.0f}" {size} rx="5"/>'


def _arrow(upper: Box, lower: Box) -> str:
    """A line from the lower edge of one box to the upper edge of another."""
    start, end = upper.x + upper.width / 2, lower.x + lower.width / 2
    if upper.width > lower.width * 1.5:  # frames: straight down
        start = end
    elif lower.width > upper.width * 1.5:
        end = start
    return f'<path class="need" d="M{start:.0f} {upper.y + upper.height:.0f}L{end:.0f} {lower.y:.0f}"/>'
