"""Other frame rates: frames between frames, by optical flow or RIFE."""
