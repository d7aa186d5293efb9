"""Notices that reach people: on this machine, or by SNS."""
