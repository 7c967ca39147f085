#!/bin/sh
# autogen.sh - make configure from configure.ac
cd "$(dirname "$0")" && mkdir -p m4 && exec autoreconf --force --install
