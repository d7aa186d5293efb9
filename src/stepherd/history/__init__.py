"""What the history of an execution says: states, groups, logins."""
