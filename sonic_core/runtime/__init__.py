"""What the networks run on: devices, their precision and memory."""
