/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* statmount - the layout of statmount(2), as in Linux 6.8's <linux/mount.h>, for older headers */
#ifndef CGTUNE_STATMOUNT_H
#define CGTUNE_STATMOUNT_H

#include <stdint.h>

#define STATMOUNT_WANT_MNT_ROOT 0x8u
#define STATMOUNT_WANT_FS_TYPE 0x20u
#define STATX_WANT_MNT_ID_UNIQUE 0x4000u

struct statmount_request {		/* struct mnt_id_req, MNT_ID_REQ_SIZE_VER0 */
	uint32_t size, spare;
	uint64_t mnt_id, param;
};

struct statmount_answer {		/* struct statmount */
	uint32_t size, mnt_opts;
	uint64_t mask;
	uint32_t sb_dev_major, sb_dev_minor;
	uint64_t sb_magic;
	uint32_t sb_flags, fs_type;	/* fs_type, mnt_root: offsets into the strings behind it */
	uint64_t mnt_id, mnt_parent_id;
	uint32_t mnt_id_old, mnt_parent_id_old;
	uint64_t mnt_attr, mnt_propagation, mnt_peer_group, mnt_master, propagate_from;
	uint32_t mnt_root, mnt_point;
	uint64_t spare[50];
};

_Static_assert(sizeof(struct statmount_answer) == 512, "the kernel's layout");

#endif
