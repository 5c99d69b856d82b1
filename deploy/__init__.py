"""What stands around a server, and the servers other than TorchServe that serve the same archives."""
