# platform-owned: changed by `copier update` only; see platform/README.md
# sh platform/hook.sh <tool> [arguments]: runs a tool of the project's environment. A commit from a graphical client,
# whose PATH knows nothing of that environment, so meets the same tools as one from a terminal. A tool of any other
# environment is not taken: it may be of another version, or check another project.
root=$(cd "$(dirname "$0")/.." && pwd -P)
tool=$1
shift
active=$(command -v building-block) && active=$(dirname "$active")
# An editable install leaves the path of what it installed.
grep -qsxF "$root/platform" "$active"/../lib/python3*/*-packages/*building_block*.pth || active=
for bin in "$root/.venv/bin" "$root/.pixi/envs/default/bin" ${active:+"$active"}; do
  if [ -x "$bin/$tool" ]; then
    PATH=$bin:$PATH exec "$bin/$tool" "$@"
  fi
done
echo "BB513 $root: no environment of the project has $tool; write \`uv sync\` or \`pixi install\` in that folder" >&2
exit 1
