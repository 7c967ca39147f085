#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# bindings-python.sh - the tests of bindings/python against the built library, in a cgroup of 1.5 CPUs where one can be made
set -u
src=$(cd "${srcdir:-.}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
python=${PYTHON:-python3}

if ! command -v "$python" >/dev/null 2>&1; then
	echo "1..0 # SKIP no $python"
	exit 0
fi
for name in $(env | sed -n 's/^\(CGTUNE[A-Z_]*\)=.*/\1/p') GOMAXPROCS GOMEMLIMIT AUTOMEMLIMIT OMP_NUM_THREADS; do
	unset "$name"
done
LD_LIBRARY_PATH=$build/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
PYTHONPATH=$src/bindings/python PYTHONDONTWRITEBYTECODE=1 CGTUNE_HEADER=$src/lib/cgtune.h
export LD_LIBRARY_PATH PYTHONPATH PYTHONDONTWRITEBYTECODE CGTUNE_HEADER
# shellcheck disable=SC2016 # the variables are the other shell's
run='unset LD_PRELOAD CGTUNE_ENV; exec "$@"'

if why=$("$build/cgtune" run --cpus 1.5 --memory 256M true 2>&1); then
	CGTUNE_TEST_GROUP=1 "$build/cgtune" run --cpus 1.5 --memory 256M -- sh -c "$run" sh "$python" "$src/bindings/python/tests/tap.py"
else
	CGTUNE_TEST_WHY="no cgroup can be made here: $(echo "$why" | head -n 1)" "$python" "$src/bindings/python/tests/tap.py"
fi
