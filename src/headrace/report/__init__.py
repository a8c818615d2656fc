"""Report: charts and HTML: what a page is made of, whatever it is about.

    report = page_of("statistics").report(statistics, Context())     # words, facts, sections
    document(report)                                                 # one HTML file that needs nothing else
    page_of("statistics").card(statistics)                           # the short form, below a notebook's cell

This room knows no noun: the page of each kind of object is a file of its own above (`orchestration/pages`). What it
promises to whoever looks: one file, no request, no script needed to read it; light and dark; every drawing has a name
and figures beside it; a keyboard and a screen reader reach everything; a user's own words are escaped, whatever they
are; equal objects give equal bytes.
"""

from headrace.report._contract import Page, page_of
from headrace.report.bars import bars, meter
from headrace.report.contents import Context, Report, Section, Tone
from headrace.report.curves import Curve, curves
from headrace.report.diagram import Box, diagram
from headrace.report.document import card, content, document
from headrace.report.dots import Dot, dot
from headrace.report.drawing import legend
from headrace.report.explorer import explorer
from headrace.report.histogram import histogram
from headrace.report.markup import Content, Html, fit, name, tag
from headrace.report.strip import strip
from headrace.report.tables import Cell, Column, Row, table
from headrace.report.timeline import timeline

__all__ = [
    "Box",
    "Cell",
    "Column",
    "Content",
    "Context",
    "Curve",
    "Dot",
    "Html",
    "Page",
    "Report",
    "Row",
    "Section",
    "Tone",
    "bars",
    "card",
    "content",
    "curves",
    "diagram",
    "document",
    "dot",
    "explorer",
    "fit",
    "histogram",
    "legend",
    "meter",
    "name",
    "page_of",
    "strip",
    "table",
    "tag",
    "timeline",
]
