"""The Step Functions API of the embedded engine, as a call and as an endpoint on loopback."""
