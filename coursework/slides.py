"""Slides from Markdown: one page of HTML without outside resources, that a browser shows, presents and prints.

    python coursework/slides.py coursework/slides.md slides.html

A line of three dashes begins the next slide. Arrow keys, space and a swipe go on; printing gives a page a slide.
"""

from __future__ import annotations

import sys
from pathlib import Path

import markdown

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
html {{ scroll-snap-type: y mandatory; scroll-behavior: smooth; }}
body {{ margin: 0; font: clamp(18px, 2.6vw, 34px)/1.45 system-ui, sans-serif; }}
section {{ box-sizing: border-box; min-height: 100vh; padding: 8vh 9vw; scroll-snap-align: start;
  display: flex; flex-direction: column; justify-content: center; break-after: page; }}
h1, h2 {{ margin: 0 0 .6em; line-height: 1.15; }}
h2 {{ color: light-dark(#0b4f6c, #8fd3f4); }}
li {{ margin: .25em 0; }}
</style>
<body>
{slides}
<script>
addEventListener("keydown", event => {{
  const forward = ["ArrowRight", "ArrowDown", "PageDown", " "].includes(event.key);
  const step = forward - ["ArrowLeft", "ArrowUp", "PageUp"].includes(event.key);
  if (!step) return;
  event.preventDefault();
  scrollTo(0, (Math.round(scrollY / innerHeight) + step) * innerHeight);
}});
</script>
</body>
</html>
"""


def slides(text: str) -> str:
    """A page of slides from Markdown."""
    parts = [markdown.markdown(part.strip()) for part in text.split("\n---\n")]
    title = text.lstrip("# ").partition("\n")[0]
    return PAGE.format(title=title, slides="\n".join(f"<section>\n{part}\n</section>" for part in parts))


def main() -> None:
    """Command line."""
    source, out = map(Path, sys.argv[1:3])
    out.write_text(slides(source.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
