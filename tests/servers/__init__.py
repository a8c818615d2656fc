"""Real servers, started for tests and proofs on ports of their own, and ended with them."""
