"""Counts habits of language that Stepherd avoids; ``python -m tools.words --help`` says more."""
