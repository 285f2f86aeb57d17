#!/bin/sh
# Brings a set back, after a question.
set -eu
cd "$(dirname "$0")"
read -r answer
[ "$answer" = yes ] || exit 3
set="${SETS:-sets}/$1"
docker compose stop cache
docker compose exec -T db pg_restore -U shop -d shop --clean --if-exists < "$set/db.dump"
docker run --rm -v kept-by-name:/data -v "$PWD/$set":/backup:ro "$IMAGE" sh -c 'rm -rf /data/*; tar -xzf /backup/volume.tar.gz -C /data'
docker cp "$set/copied/." kept-cache-1:/srv/kept
rm -rf uploads/* && tar -xzf "$set/uploads.tar.gz"
docker compose up -d
echo restored
