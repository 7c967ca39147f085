/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* concurrency - std::thread::hardware_concurrency */
#include <iostream>
#include <thread>

int main()
{
	std::cout << std::thread::hardware_concurrency() << '\n';
}
