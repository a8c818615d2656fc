"""Real servers on loopback, for tests: each a module with a class that starts one and a fixture that lends it."""
