# Lists files below $1, from the $2th on, $3 of them, in the order of their names' bytes; changes nothing.
# POSIX sh with the find, sort, stat, readlink, sha256sum, gzip and base64 of GNU or of busybox. Each file is a line
#   S MODE(hex) UID GID SIZE BLOCKS MTIME PATH, symbolic links also L PATH<tab>TARGET, ordinary files the line of sha256sum.
# The first line is "B", the last one "E", and "N" counts names with line breaks, which cannot be told in lines.
# All of it is packed: every page is a walk over the whole tree, so a page should hold many files.
export LC_ALL=C
cd "$1" 2>/dev/null || exit 3
for program in find sort tail head tr xargs stat sha256sum readlink gzip base64; do
  command -v "$program" >/dev/null 2>&1 || exit 127
done
# Words on the other stream could come in the middle of a line.
exec 2>/dev/null
{
  echo B
  [ "$2" != 1 ] || echo "N $(find . -xdev -name '*
*' -exec echo x \; | wc -l)"
  # Sockets are of running programs, and lost+found is the file system's own.
  find . -xdev ! -type s ! -path './lost+found' ! -name '*
*' | sort | tail -n "+$2" | head -n "$3" | tr '\n' '\0' | xargs -0 sh -c '
    [ $# -gt 0 ] || exit 0
    stat -c "S %f %u %g %s %b %Y %n" "$@"
    for name in "$@"; do
      [ ! -h "$name" ] || printf "L %s\t%s\n" "$name" "$(readlink "$name")"
    done
    for name in "$@"; do
      [ -h "$name" ] || [ ! -f "$name" ] || printf "%s\\0" "$name"
    done | xargs -0 sh -c "[ \$# -eq 0 ] || sha256sum \"\$@\"" sh
  ' sh
  echo E
} | gzip -c | base64
