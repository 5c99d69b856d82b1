"""X-GRAAD for TorchServe: the package that is copied whole into every archive."""
