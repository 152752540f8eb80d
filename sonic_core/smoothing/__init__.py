"""Less flicker from frame to frame, with lips and eyelids left as they are."""
