# SPDX-License-Identifier: LGPL-2.1-or-later
# exactness.awk - the tables of bench/exactness, of the rows of bench/exact

# The error of a sum in ns, or "-" where there is no such rung.
function error(sum)
{
	return sum == "-" ? "-" : sprintf("%d", sum - $3)
}

function percent(sum)
{
	return sum == "-" || !$3 ? "-" : sprintf("%+.1f", (sum - $3) / $3 * 100)
}

function between(name, value)
{
	if (value == "-")
		return
	if (!((name, kernels) in low) || value < low[name, kernels])
		low[name, kernels] = value + 0
	if (!((name, kernels) in high) || value > high[name, kernels])
		high[name, kernels] = value + 0
}

function range(name, i, format)
{
	if (!((name, i) in low))
		return "-"
	if (low[name, i] == high[name, i])
		return sprintf(format, low[name, i])
	return sprintf(format " .. " format, low[name, i], high[name, i])
}

$1 == "kernel" {
	title[++kernels] = $2 " | " $3
}

$1 == "row" {
	for (rung = 0; rung < 4; rung++) {
		sum = $(5 + 4 * rung)
		errors[rung] = error(sum)
		if (sum != "-")
			between("rung" rung, sum - $3)
	}
	if ($5 != "-") {
		throttles = sprintf("%d - %d", $6, $7)
		episodes = $8
		between("own", ($21 - $3) / $3 * 100)
		between("single", ($22 - $3) / $3 * 100)
		between("entry", ($23 - $3) / $3 * 100)
		between("calls", $24 / $6)
		others = sprintf("%s | %s | %s | %.2f", percent($21), percent($22), percent($23), $24 / $6)
	} else {
		throttles = episodes = "-"
		others = "- | - | - | -"
	}
	rows[++n] = sprintf("| %s | %s | %.0f | %s | %s | %s | %s | %s | %s | %s | %s / %s | %s |", title[kernels], $2, $3 / 1e6, \
		errors[0], errors[1], errors[2], errors[3], throttles, $14, $4, episodes, $16, others)
}

END {
	print "| kernel | cgroups | fentry, ns | kprobe, ns | tracepoint, ns | raw, ns | own clock, % | one start, % | at entry, % | calls |"
	print "|---|---|---|---|---|---|---|---|---|---|"
	for (i = 1; i <= kernels; i++)
		printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", title[i], range("rung0", i, "%d"), range("rung1", i, "%d"), \
			range("rung2", i, "%d"), range("rung3", i, "%d"), range("own", i, "%+.1f"), range("single", i, "%+.1f"), \
			range("entry", i, "%+.1f"), range("calls", i, "%.2f")
	print "\nWork by work: throttles are those of the functions less those that nobody waited in, and those that the tracepoints have seen;"
	print "nr_throttled is the kernel's, which counts periods; episodes are of the functions / of the tracepoints.\n"
	print "| kernel | cgroups | work | stopped, ms | fentry, ns | kprobe | tracepoint | raw | throttles | seen | nr_throttled | episodes |" \
		" own clock, % | one start, % | at entry, % | calls |"
	print "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
	for (i = 1; i <= n; i++)
		print rows[i]
}
