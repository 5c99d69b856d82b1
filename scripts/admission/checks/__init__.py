"""What a scan asks of a checkpoint, a file each."""
