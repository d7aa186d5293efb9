"""Figures of speed and size, each beside a baseline measured in the same run: ``make bench``."""
