"""The events of a run: their vocabulary, their recording, and their words."""
