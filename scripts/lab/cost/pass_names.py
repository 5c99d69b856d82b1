"""What is timed, by name."""

PLAIN = "plain"
ATTACKED = "verified_attacked"
PASSES = (PLAIN, "look", "scoring", "official", "verified", ATTACKED, "paper")
