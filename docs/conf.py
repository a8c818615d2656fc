"""How the site is made of the pages; `make docs` runs it on a copy with the reference in it."""

project = "headrace"
author = "the headrace authors"
html_title = "headrace"

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["proof"]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["headrace.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
# Search would fetch each page it found to quote from it, which a browser refuses to a page opened as a file.
html_show_search_summary = False
pygments_style = "tango"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5f73", "color-brand-content": "#0b6e86"},
    "dark_css_variables": {"color-brand-primary": "#6fc7dc", "color-brand-content": "#7fd0e4"},
}
