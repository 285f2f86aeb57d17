"""A request from another address: this machine's, where the stack is local, else from inside another service."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from readiness.exceptions import StackError
from readiness.facts.limiter import UNANSWERED
from readiness.gather._limiting import Exchanges, addresses
from readiness.instruments.poller import host_header
from readiness.runtime import Capability, Stack
from readiness.target import Entry, Request, Role, Target

__all__ = ["Elsewhere"]

#: Whatever the image has: prints the status and nothing else. $1 is the URL, $2 the Host header.
SCRIPT = r"""
if command -v curl >/dev/null 2>&1; then exec curl -sk -m 8 -o /dev/null -w '%{http_code}' -H "Host: $2" "$1"; fi
for python in python3 python; do command -v $python >/dev/null 2>&1 && exec $python -c '
import ssl, sys, urllib.error, urllib.request
context = ssl._create_unverified_context()
try:
    request = urllib.request.Request(sys.argv[1], headers={"Host": sys.argv[2]})
    print(urllib.request.urlopen(request, timeout=8, context=context).status)
except urllib.error.HTTPError as error:
    print(error.code)
' "$1" "$2"; done
if command -v wget >/dev/null 2>&1; then
  wget -q -S -T 8 -O /dev/null --no-check-certificate "$1" 2>&1 | sed -n 's/.*HTTP\/[0-9.]* \([0-9]*\).*/\1/p' | head -n 1
  exit 0
fi
if command -v node >/dev/null 2>&1; then exec node -e '
const [url, host] = process.argv.slice(1)
require(url.split(":")[0]).get(url, { headers: { Host: host }, rejectUnauthorized: false, timeout: 8000 }, (answer) => {
  console.log(answer.statusCode)
  process.exit(0)
}).on("timeout", () => process.exit(1)).on("error", () => process.exit(1))
' "$1" "$2"; fi
case $1 in http://*) if command -v bash >/dev/null 2>&1; then exec bash -c '
rest=${1#http://}; where=${rest%%/*}
exec 3<>"/dev/tcp/${where%:*}/${where##*:}" || exit 1
printf "GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n" "${rest#*/}" "$2" >&3
read -r -t 8 _ status _ <&3 && echo "$status"
' bash "$1" "$2"; fi ;; esac
exit 127
"""
SCRIPT_SECONDS = 15.0
#: Services that are asked to send it; the nearest relatives of the entry come first.
MAX_SERVICES = 4


class Elsewhere:
    """Sends anonymous GETs from an address that the audit does not otherwise use.

    Args:
        target: whose services may send.
        stack: where they run.
        exchanges: sends from this machine.
    """

    def __init__(self, target: Target, stack: Stack, exchanges: Exchanges) -> None:
        self._target, self._stack, self._exchanges = target, stack, exchanges

    async def ask(self, entry: Entry, request: Request) -> tuple[str, int, str]:
        """From where it was asked, the status, and what stood in the way where there is none."""
        own = addresses(self._stack, entry, 9)
        if own:
            caller = own[-1]
            sample = await self._exchanges.send(entry, request, caller)
            return caller.name, sample.status or UNANSWERED, sample.error or ""
        if Capability.EXEC not in self._stack.capabilities:
            return "", UNANSWERED, "this runtime has no second address to ask from"
        problems = []
        for service in self._services(entry)[:MAX_SERVICES]:
            status, problem = await asyncio.to_thread(self._from, service, entry, request)
            if status != UNANSWERED:
                return f"a container of {service}", status, ""
            problems.append(f"{service}: {problem}")
        return "", UNANSWERED, "; ".join(problems) or "no other service runs in the stack"

    def _services(self, entry: Entry) -> list[str]:
        """Those that are likely to have an interpreter or a client program first."""
        roles = (Role.APP, Role.WORKER, Role.SCHEDULER, Role.OTHER, Role.PROXY)
        known = [service for role in roles for service in self._target.services_of(role)]
        return [s for s in dict.fromkeys([*known, *self._stack.services]) if s != entry.service]

    def _from(self, service: str, entry: Entry, request: Request) -> tuple[int, str]:
        scheme = "https" if entry.https else "http"
        url = f"{scheme}://{entry.service}:{entry.port}{entry.base}{request.path}"
        command = ["sh", "-c", SCRIPT, "sh", url, host_header(entry)]
        try:
            done = self._stack.execute(service, command, timeout_seconds=SCRIPT_SECONDS)
        except StackError as error:
            return UNANSWERED, str(error)[:100]
        text = done.output.strip().splitlines()[-1].strip() if done.output.strip() else ""
        if done.exit_code == 0 and text.isdecimal() and HTTPStatus.OK <= int(text) <= 599:  # noqa: PLR2004  # RFC 9110, 15
            return int(text), ""
        return UNANSWERED, f"exit code {done.exit_code}: {text[:80]}"
