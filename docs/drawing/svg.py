"""The few parts of SVG that the drawings are made of, for light and dark pages."""

import html

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .name { font-family: ui-monospace, monospace; font-weight: 600 }
  .quiet { fill: #59636e; font-size: 12px }
  .middle { text-anchor: middle }
  .way { stroke: #59636e; stroke-width: 1.5; fill: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9198a1 } .way { stroke: #9198a1 }
  }
"""


def document(parts: list[str], width: float, height: float) -> str:
    """A whole picture."""
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{STYLE}</style>\n{body}\n</svg>\n'
    )


def box(x: float, y: float, width: float, height: float, hue: int) -> str:
    """A rounded rectangle."""
    place = f'x="{x}" y="{y:.0f}" width="{width}" height="{height}" rx="5"'
    return f'<rect {place} fill="hsl({hue} 70% 55% / 0.35)"/>'


def text(x: float, y: float, words: str, style: str) -> str:
    """A line of text."""
    return f'<text x="{x}" y="{y:.0f}" class="{style}">{html.escape(words)}</text>'


def arrow(x: float, start: float, end: float) -> str:
    """An arrow downwards."""
    return f'<path class="way" d="M{x} {start:.0f} V{end:.0f} m-4 -5 l4 5 l4 -5"/>'
