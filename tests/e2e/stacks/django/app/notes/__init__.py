"""Notes: a small sound Django service, with defects that environment variables switch on."""
