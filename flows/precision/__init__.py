"""Networks of adaptive precision: search, multilevel classification, energy budgets."""
