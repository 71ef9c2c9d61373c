"""What is computed, by whom, and what is kept of it."""
