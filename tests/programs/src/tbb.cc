/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tbb - how wide oneTBB's arena is */
#include <iostream>
#include <oneapi/tbb.h>

int main()
{
	std::cout << oneapi::tbb::this_task_arena::max_concurrency() << '\n';
}
