/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* privilege - what a server of this command gives up once it listens */
#ifndef CGTUNE_PRIVILEGE_H
#define CGTUNE_PRIVILEGE_H

/*
 * No program that this process executes gets more rights than it has. If it is root: from here on it is
 * that user, in his own group alone, without a capability; NULL: nobody, and where there is none
 * (a user namespace) a warning is said and root stays; "root" stays, too. All that takes privilege is to be opened before.
 * 0; or TOOL_FAILED, and it has been said why.
 */
int privilege_drop(const char *user);

#endif
