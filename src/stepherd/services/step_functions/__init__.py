"""Executions of Step Functions: of AWS, or of an embedded engine."""
