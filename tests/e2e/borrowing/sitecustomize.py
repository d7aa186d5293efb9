"""On the PYTHONPATH of a place where logins are tried: every process there knows the agent ``borrower``."""

import stepherd.agents.registry

stepherd.agents.registry.__dict__["_AGENTS"]["borrower"] = "tests.e2e.borrower"
