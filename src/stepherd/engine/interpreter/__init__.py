"""Running one execution: frames, states, retries, and taking up where a dead engine stopped."""
