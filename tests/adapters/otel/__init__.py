"""Tests of the spans a server sends."""
