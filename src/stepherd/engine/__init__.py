"""The embedded Step Functions: a durable interpreter of state machines in the JSONata dialect."""
