"""AWS: its clients, its errors, tasks of a cluster."""
