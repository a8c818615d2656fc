#!/bin/sh
# Makes the virtual environment .venvs/NAME from requirements/NAME.txt, once: a second call sees that nothing changed.
# For third parties that cannot share .venv (Beam holds an older pyarrow). headrace itself is installed editable.
# A file that says "# installer: pip" is installed by pip itself: uv does not look where pip is configured to look.
# A line "# python: 3.13" (or a program's path) in the list asks for that Python: without it there is no environment, and
# its tests are skipped;
# "# install: --no-deps" is passed on.
set -eu
name=${1:?usage: tools/environment.sh NAME}
cd "$(dirname "$0")/.."
requirements=requirements/$name.txt
[ -f "$requirements" ] || { echo "environment: no $requirements" >&2; exit 2; }
dir=.venvs/$name
mark=$dir/requirements.txt
mkdir -p .venvs
exec 9>".venvs/$name.lock"
command -v flock >/dev/null && flock 9 || true  # two that need it at once: one makes it, the other waits
if [ -f "$mark" ] && cmp -s "$requirements" "$mark"; then
    exit 0
fi
python=${PYTHON:-python3}
[ -x .venv/bin/python ] && python=.venv/bin/python
wanted=$(sed -n 's/^# python: //p' "$requirements")
options=$(sed -n 's/^# install: //p' "$requirements")
if [ -n "$wanted" ]; then
    python=
    for found in "$wanted" "python$wanted" "$HOME/.pyenv/versions/$wanted"*/bin/python; do
        if "$found" -c "" 2>/dev/null; then python=$found; fi  # pyenv has programs that only say there is none
    done
    [ -n "$python" ] || { echo "environment: $name needs Python $wanted, which is not here" >&2; exit 0; }
fi
echo "environment: making $dir" >&2
rm -f "$mark"
[ -x "$dir/bin/python" ] || "$python" -m venv "$dir"
if grep -q '^# installer: pip$' "$requirements"; then
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -e . >&2
else
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check uv==0.13.9 >&2
    "$dir/bin/uv" pip install --quiet --compile-bytecode $options --python "$dir/bin/python" -r "$requirements"
    "$dir/bin/uv" pip install --quiet --python "$dir/bin/python" --no-deps -e .
fi
# Written last: an environment that was cut short is made again.
cp "$requirements" "$mark"
