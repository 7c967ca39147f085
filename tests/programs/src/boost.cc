/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* boost - processors of Boost, by the kernel or by the cores that /proc/cpuinfo names */
#include <boost/thread.hpp>
#include <iostream>

int main(int argc, char **)
{
	std::cout << (argc > 1 ? boost::thread::physical_concurrency()
			       : boost::thread::hardware_concurrency())
		  << '\n';
}
