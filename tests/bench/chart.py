"""The fan-out's figures as a picture, in plain SVG."""

from __future__ import annotations

from html import escape

from tests.bench.effort import Figures, number

WIDTH, LEFT, RIGHT, BAR, GAP = 760, 236, 90, 16, 8  # pixels
INK, PAPER, QUIET, OURS, OTHERS = "#1f2328", "#ffffff", "#59636e", "#1a7f5a", "#9aa4af"
CHARTED = [("1 in flight", "one message on its way"), ("10 in flight", "ten on their way")]


def drawn(servers: Figures, size: str) -> str:
    """Deliveries a second in a room of `size`, one block of bars for each pace."""
    blocks, top = [], 44
    for pace, title in CHARTED:
        rates = {
            name: paces[pace]["deliveries_per_second"]
            for name, paces in servers.items()
            if pace in paces
        }
        block, height = _block(rates, title, top)
        blocks.append(block)
        top += height
    heading = f"Deliveries a second into a room of {int(size):,}, one core"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img"'
        f' aria-label="{escape(heading)}" font-family="system-ui, sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{top}" fill="{PAPER}"/>\n'
        f'<text x="16" y="26" font-size="16" font-weight="600" fill="{INK}">{heading}</text>\n'
        + "".join(blocks)
        + "</svg>\n"
    )


def _block(rates: dict[str, float], title: str, top: int) -> tuple[str, int]:
    lines = [f'<text x="16" y="{top + 14}" fill="{QUIET}">{title}</text>\n']
    scale = (WIDTH - LEFT - RIGHT) / max(rates.values(), default=1)
    y = top + 26
    for name, rate in sorted(rates.items(), key=lambda entry: -entry[1]):
        colour = OURS if name.startswith("Roomful") else OTHERS
        width = max(1.0, rate * scale)
        lines.append(
            f'<text x="{LEFT - 10}" y="{y + 13}" text-anchor="end" fill="{INK}">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
            f'<text x="{LEFT + width + 8:.1f}" y="{y + 13}" fill="{INK}">{number(rate)}</text>\n'
        )
        y += BAR + GAP
    return "".join(lines), y - top + 10
