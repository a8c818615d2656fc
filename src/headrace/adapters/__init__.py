"""Adapters: every optional third party, one folder an extra, one file a kind of member."""
