"""The theme: contrast by WCAG's formula, in light and in dark; a style sheet that keeps to itself."""

import re

import pytest

from headrace.report.theme import DARK, LIGHT, script, style

TEXT = 4.5  # WCAG 2.2, 1.4.3
MARK = 3.0  # WCAG 2.2, 1.4.11
SCHEMES = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def luminance(colour):
    """Relative luminance of "#rrggbb"."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """From 1 to 21."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@SCHEMES
@pytest.mark.parametrize("ground", ["paper", "raised", "wash"])
@pytest.mark.parametrize("text", ["ink", "quiet", "accent"])
def test_text_can_be_read(colours, text, ground):
    """Text and what it stands on."""
    assert contrast(colours[text], colours[ground]) >= TEXT


@SCHEMES
@pytest.mark.parametrize("tone", ["good", "bad", "warn"])
def test_tones_can_be_read(colours, tone):
    """A tone's word on its own ground and on paper; quiet text in a drawing's box of that tone."""
    assert contrast(colours[tone], colours[f"{tone}-wash"]) >= TEXT
    assert contrast(colours[tone], colours["paper"]) >= TEXT
    assert contrast(colours["quiet"], colours[f"{tone}-wash"]) >= TEXT


@SCHEMES
@pytest.mark.parametrize("mark", ["accent", "second", "third", "bad", "good"])
def test_marks_can_be_seen(colours, mark):
    """Lines and dots on paper; lines over the filled part of a histogram are told by their shape, and still differ."""
    assert contrast(colours[mark], colours["paper"]) >= MARK
    assert contrast(colours[mark], colours["fill"]) >= 1.8


@SCHEMES
def test_axes_can_be_seen(colours):
    """Axes and bars of a meter."""
    assert contrast(colours["axis"], colours["paper"]) >= MARK


def test_both_schemes_have_the_same_colours():
    """No colour is named in one scheme alone, and the rules name none that is not there."""
    assert set(LIGHT) == set(DARK)
    assert set(re.findall(r"var\(--([\w-]+)\)", style())) <= set(LIGHT)
    rules = style().split("}", 1)[1]
    assert not re.findall(r"#[0-9a-f]{3,6}\b", re.sub(r"--[\w-]+:#[0-9a-f]{6};", "", rules)), (
        "a colour beside the theme"
    )


def test_the_style_touches_nothing_outside():
    """Every rule begins with our own class, so that a notebook's page stays as it is."""
    plain = re.sub(r"@media[^{]*\{", "", style())
    for rule in re.findall(r"([^{}]+)\{", plain):
        for selector in rule.split(","):
            assert ".headrace" in selector, selector


def test_the_script_is_one_strict_function():
    """No names leak, nothing is fetched, nothing is evaluated."""
    assert script().startswith('"use strict";\n(() => {')
    assert not re.search(r"\b(eval|fetch|XMLHttpRequest|import|innerHTML|document\.write)\b", script())
