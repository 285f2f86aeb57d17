#!/bin/sh
# Makes a certificate of its own, then becomes HAProxy.
set -eu
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=notes.local \
  -addext subjectAltName=DNS:notes.local,DNS:localhost -keyout /run/haproxy/tls.key -out "$TLS_CERTIFICATE" 2>/dev/null
cat "$TLS_CERTIFICATE" /run/haproxy/tls.key >/run/haproxy/tls.pem
exec haproxy -W -db -f /etc/haproxy/haproxy.cfg
