"""State machine definitions: read into types, with their expressions compiled."""
