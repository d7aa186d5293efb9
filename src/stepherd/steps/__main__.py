"""``python -m stepherd.steps NAME``."""

import sys

from stepherd.leaving import leave
from stepherd.steps.execution import main

leave(main(sys.argv[1:]))
