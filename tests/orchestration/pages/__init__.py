"""Tests of the pages of each kind of object."""
