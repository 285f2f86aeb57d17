"""Judging what an application does with its database connections. Pure."""
