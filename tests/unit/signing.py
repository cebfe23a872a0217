"""What signs the tokens of the unit tests, and for how long."""

OTHER_KEY = "fedcba9876543210" * 4
