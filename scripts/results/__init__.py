"""What commands measured: JSON lines, where they come from, and how far a share can be trusted."""
