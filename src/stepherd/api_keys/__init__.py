"""The keys of the HTTP API: how they are made, kept as hashes and compared, and what each may do."""
