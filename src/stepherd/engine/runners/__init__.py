"""How tasks and functions run: as processes, forked or started, or in containers."""
