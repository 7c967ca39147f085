/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* features - what the probe would load, and whether this kernel has what it is best loaded with */
#include <cgtune-probe.h>
#include <inttypes.h>
#include <stdio.h>

enum { MOST = 32 };

static const char *word(int answer)
{
	return answer > 0 ? "yes" : answer ? "unknown" : "no";
}

int main(void)
{
	struct cgtune_probe_feature features[MOST] = { { 0 } };
	struct cgtune_probe_item item = { .size = sizeof(item) };
	struct cgtune_probe_spec *spec;
	int n;

	for (int i = 0; i < MOST; i++)
		features[i].size = sizeof(features[i]);
	n = cgtune_probe_features(features, MOST);
	for (int i = 0; i < n && i < MOST; i++)
		printf("%s: %s\n", features[i].name, word(features[i].answer));
	if (cgtune_probe_spec(NULL, &spec) < 0)
		return 1;
	for (size_t i = 0; cgtune_probe_spec_item(spec, i, &item) == 0; i++)
		printf("%s: %s, %" PRIu32 " instructions\n",
		       item.name, item.type, item.instructions);
	cgtune_probe_spec_free(spec);
	return n < 0;
}
