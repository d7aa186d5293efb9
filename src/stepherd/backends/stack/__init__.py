"""A deployed stack."""
