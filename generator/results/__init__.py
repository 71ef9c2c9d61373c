"""What experiments gave, as it lies on disk: manifests, verdicts, logs; and what differs between two of them."""
