"""Judging what several replicas do together. Pure."""
