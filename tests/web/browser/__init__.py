"""What a real browser does; run by an environment of its own."""
