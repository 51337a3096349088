"""Badges: a picture of a project's latest version, and the same for services that draw them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from markupsafe import escape

from samebytes.report.visible import visible

_LABEL = "samebytes"
_COLOURS: Mapping[str, str] = {
    "identical": "1b7a3d",
    "equivalent": "1b62b5",
    "unbuildable": "8a5a00",
    "different": "b3213a",
    "pending": "5a6472",
}
#: Widths in pixels, of letters of 11 pixels and of what is around a text.
_LETTER, _NARROW, _BROAD, _AROUND = 6.8, 4.0, 10.0, 12

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" \
aria-label="{title}">
<title>{title}</title>
<clipPath id="round"><rect width="{width}" height="20" rx="4"/></clipPath>
<g clip-path="url(#round)">
<rect width="{left}" height="20" fill="#3b424c"/>
<rect x="{left}" width="{right}" height="20" fill="#{colour}"/>
</g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{middle}" y="14" textLength="{label_length}">{label}</text>
<text x="{centre}" y="14" textLength="{length}">{message}</text>
</g>
</svg>
"""


def badge(tone: str, message: str, title: str) -> str:
    """A picture; ``title`` is what it says to who cannot see it."""
    label_length, length = _width(_LABEL), _width(message)
    left, right = label_length + _AROUND, length + _AROUND
    return _SVG.format(
        width=left + right,
        left=left,
        right=right,
        middle=left / 2,
        centre=left + right / 2,
        colour=_COLOURS[tone],
        label=_LABEL,
        label_length=label_length,
        length=length,
        message=escape(message),
        title=escape(visible(title)),
    )


def _width(text: str) -> int:
    widths = dict.fromkeys("fijlrt .", _NARROW) | dict.fromkeys("mw", _BROAD)
    return round(sum(widths.get(letter, _LETTER) for letter in text))


def endpoint(tone: str, message: str) -> str:
    """In the format that badge services read; see docs/reference/schemas/site-badge-1.json."""
    document = {
        "schemaVersion": 1,
        "label": _LABEL,
        "message": message,
        "color": _COLOURS[tone],
    }
    return json.dumps(document) + "\n"
