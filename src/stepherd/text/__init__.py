"""Text for people: made inert, measured, shortened. Imports nothing of ours but errors."""
