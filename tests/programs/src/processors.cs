/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* processors - Environment.ProcessorCount */
class Processors {
	static void Main() {
		System.Console.WriteLine(System.Environment.ProcessorCount);
	}
}
