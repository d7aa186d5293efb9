"""What happens in a run, as events: their vocabulary, how they are recorded, and their words."""
