"""What several kinds of experiments have in common; no kind of its own."""
