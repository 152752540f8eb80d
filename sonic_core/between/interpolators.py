"""Names of the ways to make frames between frames; apart from the code, so that the command line need not load it."""

from __future__ import annotations

INTERPOLATORS = ("auto", "rife", "flow")
"""auto = RIFE where its weights are, else optical flow."""
