"""Judging what a rate limiter did: pure functions over facts and the declaration."""
