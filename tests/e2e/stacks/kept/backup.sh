#!/bin/sh
# Writes a set into $SETS, with programs of this machine and of the containers.
set -eu
cd "$(dirname "$0")"
set="${SETS:-sets}/$(date +%Y%m%d_%H%M%S)"
mkdir -p "$set"
docker compose exec -T db pg_dump -U shop -Fc shop > "$set/db.dump"
docker cp "$(docker compose ps -q cache)":/srv/kept "$set/copied"
docker run --rm -v kept-by-name:/data:ro -v "$PWD/$set":/backup "$IMAGE" tar -czf /backup/volume.tar.gz -C /data .
tar -czf "$set/uploads.tar.gz" uploads
if command -v pg_dump > /dev/null; then
  PGPASSWORD=shop-secret pg_dump -h localhost -p 15432 -U shop shop > "$set/host.sql"
fi
echo "wrote $set"
