"""The training loop of a pack: its state, its step, its record and its memory."""
