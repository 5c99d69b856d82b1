"""What is measured of a GPU while there is one: parts, each with its rows, in an order that a deadline may cut."""
