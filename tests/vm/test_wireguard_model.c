/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define BACKEND FBN_WIREGUARD_KERNEL
#define STEPS 60 /* the machine is emulated */
#include "netns/test_wireguard_model.c"
