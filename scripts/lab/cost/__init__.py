"""What a defense costs: time, memory, load."""
