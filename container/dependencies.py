#!/usr/bin/env python3
"""dependencies.py EXTRA <pyproject.toml: what Stepherd needs, a requirement a line."""

import sys
import tomllib

project = tomllib.load(sys.stdin.buffer)["project"]
wanted = [
    *project["dependencies"],
    *(line for extra in sys.argv[1:] for line in project["optional-dependencies"][extra]),
]
sys.stdout.write("".join(f"{line}\n" for line in wanted))
