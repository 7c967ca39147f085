// SPDX-License-Identifier: LGPL-2.1-or-later

// service - a Go program that `cgtune run` or libcgtune-preload.so tells of its limits: it needs neither cgo nor cgtune
//
// The runtime reads GOMAXPROCS and GOMEMLIMIT before main() runs. What is made of them here is for pools and
// caches of the program's own.
package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

func main() {
	workers := runtime.GOMAXPROCS(0)
	budget := debug.SetMemoryLimit(-1) // asks, and sets nothing
	cache := int64(1 << 30)
	if budget != math.MaxInt64 {
		cache = budget / 4
	}
	done := make(chan int)
	for i := 0; i < workers; i++ {
		go func() { done <- 1 }()
	}
	for i := 0; i < workers; i++ {
		<-done
	}
	os.Stdout.WriteString(strconv.Itoa(workers) + " workers, cache of " + strconv.FormatInt(cache, 10) + " bytes\n")
}
