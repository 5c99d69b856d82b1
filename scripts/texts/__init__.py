"""Files of texts that users name, whatever wrote them."""
