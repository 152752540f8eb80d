"""How fast an engine is on this machine, beside what cannot be avoided; nothing here knows an engine by name."""
