#!/bin/sh
# Writes the configuration and, where none is given, a certificate; then becomes nginx.
# Serves the container and the local process alike: only the variables differ.
set -eu
state=${PROXY_STATE:?}
mkdir -p "$state"
has() { case ",${PROXY_DEFECTS:-}," in *",$1,"*) true ;; *) false ;; esac; }
if [ ! -s "$state/tls.crt" ]; then
  # An authority for this one certificate: clients trust ca.crt, and its key is gone before nginx starts.
  name=shop.local days=90
  if has certificate-of-another-host; then name=other.local; fi
  if has certificate-expired; then days=-1; fi
  new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
  {
    # shellcheck disable=SC2086  # several words
    openssl req -x509 $new -days 90 -subj "/CN=shop authority" -keyout "$state/ca.key" -out "$state/ca.crt"
    # shellcheck disable=SC2086
    openssl req $new -subj "/CN=$name" -addext "subjectAltName=DNS:$name" -keyout "$state/tls.key" -out "$state/tls.csr"
    openssl x509 -req -in "$state/tls.csr" -CA "$state/ca.crt" -CAkey "$state/ca.key" -CAcreateserial \
      -days "$days" -copy_extensions copy -out "$state/tls.crt"
  } 2>/dev/null
  rm -f "$state/ca.key" "$state/tls.csr" "$state/ca.srl"
fi
# Without a port for plain HTTP there is no redirect from it.
redirect='/@REDIRECT_BEGINS@/,/@REDIRECT_ENDS@/d'
if [ -n "${HTTP_PORT:-}" ]; then redirect="s|@HTTP_PORT@|$HTTP_PORT|g"; fi
tokens=off
if has server-version-leak; then tokens=on; fi
versions="TLSv1.2 TLSv1.3" ciphers='HIGH:!aNULL:!MD5' redirects=off plain=
if has tls-weak-cipher; then ciphers="$ciphers:eNULL"; fi
if has tls-1-1-accepted; then versions="TLSv1.1 $versions"; fi
# OpenSSL's own levels forbid both, whatever nginx is told.
if has tls-weak-cipher || has tls-1-1-accepted; then ciphers="$ciphers:@SECLEVEL=0"; fi
if has redirects-to-plain-http; then redirects='/ http://$http_host/'; fi
if has plain-http-served; then
  plain='error_page 497 = @plain; location @plain { set $api @UPSTREAM@; proxy_pass http://$api; }'
fi
# From 1.25.1 on it is a directive of its own.
listen_http2= http2='http2 on;'
case "$("${NGINX:-nginx}" -v 2>&1)" in *nginx/1.1*|*nginx/1.2[0-4].*|*nginx/1.25.0*) listen_http2=' http2' http2= ;; esac
if has http-1-1-only; then listen_http2= http2=; fi
retries='error timeout'
if has proxy-never-retries; then retries=off; fi
enabled=1
if [ "${SECURITY_HEADERS_ENABLED:-true}" = false ]; then enabled=0; fi
sed -e "s|@STATE@|$state|g" \
  -e "s|@BIND@|${PROXY_BIND:-0.0.0.0}|g" \
  -e "s|@HTTPS_PORT@|${HTTPS_PORT:-8443}|g" \
  -e "s|@PLAIN@|$plain|g" \
  -e "s|@LISTEN_HTTP2@|$listen_http2|g" \
  -e "s|@HTTP2@|$http2|g" \
  -e "s|@TLS_VERSIONS@|$versions|g" \
  -e "s|@TLS_CIPHERS@|$ciphers|g" \
  -e "s|@REDIRECTS@|$redirects|g" \
  -e "s|@RETRIES@|$retries|g" \
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
