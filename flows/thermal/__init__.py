"""Continuous inference under thermal governors."""
