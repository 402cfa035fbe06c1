"""Energy per MAC of the processing elements, and the operands that they are measured with."""
