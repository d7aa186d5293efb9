"""Checks of a machine, a home and a stack: what is in order, and what to do about the rest."""
