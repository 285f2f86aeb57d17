"""Reading what an error tracker's client sends, and judging how much of it there is."""
