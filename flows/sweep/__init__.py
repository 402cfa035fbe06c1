"""Energy, latency and area over combinations of arrays, dataflows, memories and supplies."""
