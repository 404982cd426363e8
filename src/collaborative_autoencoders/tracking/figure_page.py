"""A figure of plotly as one page that needs no internet."""

import base64
import gzip
from functools import cache
from html import escape
from typing import Any

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>{title}</title>
<div id="figure"></div>
<script type="text/plain" id="plotly">{library}</script>
<script type="application/json" id="content">{content}</script>
<script>
const textOf = (id) => document.getElementById(id).textContent;
const packed = Uint8Array.from(atob(textOf("plotly")), (character) => character.charCodeAt(0));
const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
new Response(unpacked).text().then((code) => {{
  (0, eval)(code);
  const {{ data, layout }} = JSON.parse(textOf("content"));
  Plotly.newPlot("figure", data, layout, {{ responsive: true }});
}});
</script>
"""


def to_page(figure: Any) -> str:
    """Return a figure as HTML with plotly in it, which is compressed: 2.0 MB instead of 4.8."""
    content = figure.to_json().replace("<", "\\u003c")  # no text of the figure ends the script
    title = escape(figure.layout.title.text or "")
    return PAGE.format(title=title, library=compressed_plotly(), content=content)


@cache
def compressed_plotly() -> str:
    """Return the JavaScript of the installed plotly, compressed and in Base64."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 6, mtime=0)).decode()
