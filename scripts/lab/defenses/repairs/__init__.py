"""Repairs of a checkpoint: each a file; what comes out is an ordinary checkpoint."""
