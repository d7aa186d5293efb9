"""Figures of the shape of the code, so that before and after come from one script: ``make shape``."""
