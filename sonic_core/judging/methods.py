"""Names and limits of the alignment that are known without loading it."""

METHODS = ("shift_audio", "shift_frames")
"""Move the sound, or the frames."""
DEFAULT_TOLERANCE_MS = 30.0
"""Offsets up to this are left alone."""
