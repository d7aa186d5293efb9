"""Secrets, read and written: of this machine, or of AWS Secrets Manager."""
