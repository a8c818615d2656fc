"""Members: one stream a file; see `_contract`."""
