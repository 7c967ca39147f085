/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Machine - what the JVM takes the machine for */
class Machine {
	public static void main(String[] args) {
		Runtime runtime = Runtime.getRuntime();
		System.out.println(args[0].equals("cpus") ? runtime.availableProcessors() : runtime.maxMemory());
	}
}
