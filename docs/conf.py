"""The documentation site: Sphinx, MyST, furo."""

from samebytes import __version__

project = "samebytes"
author = "the samebytes authors"
copyright = "2026, the samebytes authors"
release = __version__
extensions = ["myst_parser", "sphinx_click"]
html_theme = "furo"
html_title = f"samebytes {release}"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
