"""What is learned from clean texts and frozen beside a checkpoint."""
