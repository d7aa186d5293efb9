"""The deployed application: which stack is meant, and what it is made of."""
