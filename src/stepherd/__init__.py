"""Stepherd runs headless coding agents from written instructions to a pushed branch."""

__version__ = "0.1.0"
