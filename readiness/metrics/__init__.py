"""Reading what a service says of itself in numbers: expositions of metrics, counters between two of them, alert rules."""
