"""Grading of security headers: header text in, a small typed grade out. No I/O, no target, no opinion on severity."""
