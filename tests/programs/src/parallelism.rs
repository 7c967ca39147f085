/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parallelism - std::thread::available_parallelism */
fn main() {
	println!("{}", std::thread::available_parallelism().unwrap());
}
