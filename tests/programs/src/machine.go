// SPDX-License-Identifier: LGPL-2.1-or-later
// machine - how many threads the Go runtime runs at once, and its memory limit
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

func main() {
	if os.Args[1] == "cpus" {
		fmt.Println(runtime.GOMAXPROCS(0))
	} else {
		fmt.Println(debug.SetMemoryLimit(-1))
	}
}
