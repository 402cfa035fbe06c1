"""Energy tables of networks on an array."""
