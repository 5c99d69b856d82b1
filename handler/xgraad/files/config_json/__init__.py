"""What config.json may say: keys and their values."""
