"""The grid: which victims there are, how they are trained, and who is judged on them."""
