#!/bin/sh
# Writes the configuration and, where none is given, a certificate; then becomes nginx.
# Serves the container and the local process alike: only the variables differ.
set -eu
state=${PROXY_STATE:?}
mkdir -p "$state"
if [ ! -s "$state/tls.crt" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=shop.local \
    -addext subjectAltName=DNS:shop.local,DNS:localhost,IP:127.0.0.1 -keyout "$state/tls.key" -out "$state/tls.crt" 2>/dev/null
fi
# Without a port for plain HTTP there is no redirect from it.
redirect='/@REDIRECT_BEGINS@/,/@REDIRECT_ENDS@/d'
if [ -n "${HTTP_PORT:-}" ]; then redirect="s|@HTTP_PORT@|$HTTP_PORT|g"; fi
has() { case ",${PROXY_DEFECTS:-}," in *",$1,"*) true ;; *) false ;; esac; }
tokens=off
if has server-version-leak; then tokens=on; fi
enabled=1
if [ "${SECURITY_HEADERS_ENABLED:-true}" = false ]; then enabled=0; fi
sed -e "s|@STATE@|$state|g" \
  -e "s|@BIND@|${PROXY_BIND:-0.0.0.0}|g" \
  -e "s|@HTTPS_PORT@|${HTTPS_PORT:-8443}|g" \
  -e "$redirect" \
  -e "s|@PUBLIC_PORT@|${PUBLIC_HTTPS_PORT:-${HTTPS_PORT:-8443}}|g" \
  -e "s|@UPSTREAM@|${UPSTREAM:?}|g" \
  -e "s|@RESOLVER@|${RESOLVER:+resolver $RESOLVER valid=1s ipv6=off;}|g" \
  -e "s|@PROXY_TOKEN@|${PROXY_TOKEN:?}|g" \
  -e "s|@ENVIRONMENT@|${ENVIRONMENT:-production}|g" \
  -e "s|@ENABLED@|$enabled|g" \
  -e "s|@TOKENS@|$tokens|g" \
  -e "s|@DEFECTS@|${PROXY_DEFECTS:-}|g" \
  -e "s|@HIDE_CSP@|$(if has proxy-drops-csp; then echo 'proxy_hide_header Content-Security-Policy;'; fi)|g" \
  "${PROXY_TEMPLATE:-/etc/nginx/nginx.conf.template}" >"$state/nginx.conf"
exec "${NGINX:-nginx}" -e stderr -p "$state" -c "$state/nginx.conf" -g 'daemon off;'
