"""What is said: speech encoders, the lip reader and what the lips do for it, with their weights."""
