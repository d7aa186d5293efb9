"""``python -m stepherd.steps NAME``."""

import sys

from stepherd.leaving import leave
from stepherd.services.file_modes import keep_files_private
from stepherd.steps.execution import main

keep_files_private()
leave(main(sys.argv[1:]))
