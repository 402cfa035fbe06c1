"""A workload trace under the DVFS schemes of a finished run."""
