"""The logins of agents: databases that a person's approval fills, and that runs share one at a time."""
