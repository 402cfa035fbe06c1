"""Measures cells with SPICE: timing, energy and leakage over supply, gate length and driver supply."""
