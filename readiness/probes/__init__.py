"""Judging health answers by what their probe is declared to mean. Pure."""
