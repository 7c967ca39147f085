/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* workers - four threads, each with a number; prints their sum */
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

if (isMainThread) {
	let sum = 0;
	let left = 4;
	for (let i = 1; i <= 4; i++)
		new Worker(__filename, { workerData: i }).on('message', (n) => {
			sum += n;
			if (--left === 0)
				console.log(sum);
		});
} else {
	parentPort.postMessage(workerData);
}
