"""Bad input: which operations take what, what to send them, and how what came back is judged. Pure."""
