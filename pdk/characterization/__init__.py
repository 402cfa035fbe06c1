"""Measures cells with SPICE: timing, energy, leakage over supply, gate length, driver supply."""
