"""Sphinx's settings: nothing is fetched, neither to build the site nor to read it."""

import importlib.metadata
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "repro-audit"
author = "the repro-audit contributors"
release = version = importlib.metadata.version("repro-audit")

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
nitpicky = True
smartquotes = False  # what is shown as code or message must be what a terminal shows

html_theme = "furo"
html_title = f"repro-audit {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def setup(app: Any) -> None:
    """Have the pages that follow from the code written before Sphinx looks for pages."""
    import generate

    app.connect("builder-inited", lambda app: generate.write_pages(Path(app.srcdir) / "generated"))
