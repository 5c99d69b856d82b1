"""The process that a worker is: its device, threads, memory and files."""
