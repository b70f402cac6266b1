"""Sphinx's settings of the documentation site; `make docs` builds it."""

import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "_ext")]

_project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

project = _project["name"]
author = _project["authors"][0]["name"]
copyright = author
version = release = _project["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sitegen"]
exclude_patterns = ["_build"]

# Folders and files of the repository that pages name are linked below this address; while there is
# none, files are offered as downloads and folders are named.
repository_url = _project.get("urls", {}).get("Repository", "")

# Markdown as GitHub shows it: anchors of headings, tables, formulas between dollars.
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
suppress_warnings = ["myst.header"]  # a generated entry may begin below the level that follows
html_math_renderer = "mathml"  # no script, from no server

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"{project} {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_search_summary = False  # it reads pages again, which no browser does from a folder
html_show_copyright = False
highlight_language = "text"
