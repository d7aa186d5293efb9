"""Where runs are: the embedded engine of a home, or a deployed stack. Knows neither click nor a terminal."""
