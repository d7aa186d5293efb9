"""A deployed stack as the place of runs."""
