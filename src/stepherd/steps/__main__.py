"""``python -m stepherd.steps NAME``."""

import sys

from stepherd.steps.execution import main

sys.exit(main(sys.argv[1:]))
