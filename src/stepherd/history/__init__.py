"""Readers of an execution's history: states, groups, logins."""
