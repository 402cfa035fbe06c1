"""Cells of a technology, measured with ngspice."""
