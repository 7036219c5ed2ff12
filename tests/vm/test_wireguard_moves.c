/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define BACKEND FBN_WIREGUARD_KERNEL
#include "netns/test_wireguard_moves.c"
