"""An audit as a pytest session: settings, the run and its folder, the workbench of instruments, and the hooks.

Imported only when ``--readiness-profile`` is given.
"""
