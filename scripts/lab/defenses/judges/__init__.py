"""Published judges of texts: each a file, behind a threshold that clean texts with labels decide."""
