"""A portrait that answers while you speak: LiveSession and what it is made of (docs/live.md)."""
