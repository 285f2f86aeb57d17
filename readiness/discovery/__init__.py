"""Find out what the owner did not declare, and say how: first from the model of the stack, then from its answers.

Pure: answers come through a function that the caller supplies. What is declared, or declared ``none``, is never touched.
Every guess is a :class:`~readiness.target.Discovery` row with its reason.
"""

from __future__ import annotations

from readiness.discovery.offline import complete_offline
from readiness.discovery.online import MAX_REQUESTS, complete_online

__all__ = ["MAX_REQUESTS", "complete_offline", "complete_online"]
