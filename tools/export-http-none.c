/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-http-none - in a build without libmicrohttpd: a file has to do */
#include "export.h"
#include "tool.h"

int export_serve(const struct export_options *options)
{
	(void)options;
	fputs("cgtune: export: --listen: this cgtune was built without libmicrohttpd; there is --textfile\n", stderr);
	return TOOL_FAILED;
}
