"""What is found out about a checkpoint and about packages before they serve."""
