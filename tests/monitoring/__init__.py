"""Monitoring: what is asked beside what was fitted on."""
