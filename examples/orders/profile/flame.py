"""What `perf script` says, as a table of the hottest functions and as a flame graph. Python's library is enough."""

import collections
import html
import re

FRAME = re.compile(r"^\s+[0-9a-f]+ (.+?)(?:\+0x[0-9a-f]+)? \((.*)\)$")
# Hashes and generic arguments say little and take much room.
HASH = re.compile(r"::h[0-9a-f]{16}$")


def stacks(script):
    """Each sample's stack, from the root, as a tuple of functions; and how often it was seen."""
    counts, frames = collections.Counter(), []
    for line in script.splitlines() + [""]:
        frame = FRAME.match(line)
        if frame:
            frames.append(HASH.sub("", frame.group(1)))
        elif frames and not line.strip():
            counts[tuple(reversed(frames))] += 1
            frames = []
    return counts


def hottest(counts, number=12):
    """(function, share in itself, share with what it calls) of the functions that cost most with what they call."""
    total = sum(counts.values()) or 1
    alone, below = collections.Counter(), collections.Counter()
    for stack, count in counts.items():
        alone[stack[-1]] += count
        for function in set(stack):
            below[function] += count
    named = [function for function, _ in below.most_common() if "orders" in function or alone[function] * 50 > total]
    return [(function, alone[function] / total, below[function] / total) for function in named[:number]]


def svg(counts, width=1400, row=17):
    """A flame graph: each function as wide as its share, above what called it; root at the bottom."""
    tree = {}
    for stack, count in counts.items():
        level = tree
        for function in stack:
            node = level.setdefault(function, [0, {}])
            node[0] += count
            level = node[1]
    total, boxes = sum(counts.values()) or 1, []

    def lay(level, x, depth):
        for function, (count, above) in sorted(level.items()):
            boxes.append((x, depth, count, function))
            lay(above, x, depth + 1)
            x += count

    lay(tree, 0, 0)
    deepest = max((depth for _, depth, _, _ in boxes), default=0)
    height = (deepest + 2) * row
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="monospace" '
             'font-size="11">']
    for x, depth, count, function in boxes:
        left, wide = x / total * width, count / total * width
        if wide < 0.5:
            continue
        top = height - (depth + 1) * row
        hue = 10 + sum(function.encode()) % 40
        name, shown = html.escape(function), html.escape(function[: max(0, int(wide / 6.7) - 1)])
        drawn.append(f'<g><title>{name}: {count} samples, {100 * count / total:.1f} %</title>'
                     f'<rect x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{row - 1}" fill="hsl({hue},80%,65%)"/>'
                     f'<text x="{left + 3:.1f}" y="{top + 12}">{shown}</text></g>')
    return "\n".join([*drawn, "</svg>"])
