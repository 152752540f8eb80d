"""The measures: alignment, retiming, smoothing, interpolation, paste-back and kept latents come to what they came to."""

from __future__ import annotations

from . import figures

ADVICE = "If this is meant, renew the goldens and look at the page: tests/golden/README.md."


def test_figures_are_as_before():
    changed = figures.changed()
    assert not changed, "\n".join([f"Golden: {len(changed)} figures changed. {ADVICE}", *changed])
