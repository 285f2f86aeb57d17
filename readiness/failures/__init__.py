"""Judging error answers: what they give away, whether they share one shape, and what the log says of them. Pure."""
