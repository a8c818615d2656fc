"""Launchers: one file each; what starts the processes that train together."""
