"""Tests of the clients: real servers, and ones that misbehave."""
