"""The bundled demo: a sound small shop, and a table of named defects that each break one property of it."""
