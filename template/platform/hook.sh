# platform-owned: changed by `copier update` only; see platform/README.md
# sh platform/hook.sh <tool> [arguments]: runs a tool of the project's environment. A commit from a graphical client,
# whose PATH knows nothing of that environment, so meets the same tools as one from a terminal.
root=$(cd "$(dirname "$0")/.." && pwd)
tool=$1
shift
for bin in \
  "$root/.venv/bin" \
  "$root/.pixi/envs/default/bin" \
  ${VIRTUAL_ENV:+"$VIRTUAL_ENV/bin"} \
  ${CONDA_PREFIX:+"$CONDA_PREFIX/bin"}; do
  if [ -x "$bin/$tool" ]; then
    PATH=$bin:$PATH exec "$bin/$tool" "$@"
  fi
done
if command -v "$tool" >/dev/null; then
  exec "$tool" "$@"
fi
echo "BB513 $root: no environment of the project has $tool; write \`uv sync\` or \`pixi install\` in that folder" >&2
exit 1
